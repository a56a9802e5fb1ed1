//! The slowest requests known, of several kinds: the search goes on from each of them.

use std::collections::BTreeMap;
use std::time::Duration;

use portcullis_tests::random::Random;

use crate::gene::Gene;
use crate::trial::{Key, Trial};

/// What a request is the slowest at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Of those in a place, by the place's name and the policy.
    Whole(&'static str, String),
    /// Growing with its length.
    Growth(&'static str, String),
    /// A rule, or screening.
    Part(Key),
}

/// A request that is the slowest at something.
#[derive(Clone, Debug)]
pub(crate) struct Elite {
    pub(crate) gene: Gene,
    pub(crate) host: &'static str,
    pub(crate) trial: Trial,
    /// What it is ranked by.
    pub(crate) worth: f64,
}

/// The slowest of each kind.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    pub(crate) elites: BTreeMap<Kind, Elite>,
}

impl Archive {
    /// Whether the trial is slower than what is known in any way.
    pub(crate) fn is_slower(&self, host: &'static str, gene: &Gene, trial: &Trial) -> bool {
        worths(host, gene, trial).any(|(kind, worth)| self.beats(&kind, worth))
    }

    /// Takes the trial for each kind that it is the slowest of.
    pub(crate) fn take(&mut self, host: &'static str, gene: &Gene, trial: &Trial) {
        for (kind, worth) in worths(host, gene, trial) {
            if self.beats(&kind, worth) {
                let elite = Elite { gene: gene.clone(), host, trial: trial.clone(), worth };
                self.elites.insert(kind, elite);
            }
        }
    }

    fn beats(&self, kind: &Kind, worth: f64) -> bool {
        self.elites.get(kind).is_none_or(|known| worth > known.worth * BETTER)
    }

    /// One of the slowest, those that are slow as a whole more often than those that are at one rule.
    pub(crate) fn pick(&self, random: &mut Random) -> Option<&Elite> {
        let whole: Vec<_> = self.elites.iter().filter(|(kind, _)| !matches!(kind, Kind::Part(_))).collect();
        if random.below(3) > 0 && !whole.is_empty() {
            return Some(random.pick(&whole).1);
        }
        self.elites.values().nth(random.below(self.elites.len()))
    }

    /// The slowest rules first, screening among them.
    pub(crate) fn parts(&self) -> Vec<(Key, &Elite)> {
        let part = |(kind, elite)| match kind {
            &Kind::Part(key) => Some((key, elite)),
            _ => None,
        };
        let mut parts: Vec<_> = self.elites.iter().filter_map(part).collect();
        parts.sort_by(|left, right| right.1.worth.total_cmp(&left.1.worth));
        parts
    }

    /// The slowest requests of a policy first, by the whole of them or by how they grow.
    pub(crate) fn wholes(&self, host: &str) -> Vec<&Elite> {
        let mut found: Vec<_> = self
            .elites
            .iter()
            .filter(|(kind, _)| matches!(kind, Kind::Whole(of, _) | Kind::Growth(of, _) if *of == host))
            .map(|(_, elite)| elite)
            .collect();
        found.sort_by_key(|elite| std::cmp::Reverse(elite.trial.long.whole));
        found.dedup_by(|left, right| left.gene == right.gene);
        found
    }
}

fn worths<'t>(
    host: &'static str,
    gene: &'t Gene,
    trial: &'t Trial,
) -> impl Iterator<Item = (Kind, f64)> + 't {
    let place = || format!("{:?}", gene.place).split('(').next().unwrap_or_default().to_owned();
    let whole = [(Kind::Whole(host, place()), seconds(trial.long.whole))];
    // What takes no time grows as it likes.
    let growth = (trial.long.whole > WORTH_A_LOOK).then(|| (Kind::Growth(host, place()), trial.growth()));
    let parts = trial.long.parts.iter().filter(|(_, time)| **time > PART_WORTH_A_LOOK);
    let parts = parts.map(|(key, time)| (Kind::Part(*key), seconds(*time)));
    whole.into_iter().chain(growth).chain(parts)
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

/// A request is slower when it is by this factor: less is noise.
const BETTER: f64 = 1.03;
const WORTH_A_LOOK: Duration = Duration::from_millis(2);
const PART_WORTH_A_LOOK: Duration = Duration::from_micros(20);
