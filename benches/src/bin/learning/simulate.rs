//! Learning from the first half of each site, judging the second.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use model::profile::{Caps, Learner, Place, Profiles, Quorum, State, When};
use model::{Extractor, Model, Scratch, View};
use train::corpus::each_view;
use train::random::{Random, fingerprint};
use transaction::{Limits, Record};

use crate::attacks::{Payloads, placed};
use crate::folds::{FOLDS, fold_of, model_without};
use crate::tally::{Row, Tally};
use crate::traffic::{Clients, sites};

/// Requests that are judged, one of which is judged with an attack in it as well.
const ATTACKED_ONE_IN: usize = 4;
/// Attacks of each site that somebody tries to teach it beforehand.
const AIMED: usize = 12;

/// What the simulation assumes.
#[derive(clap::Args, Clone, Copy)]
pub(crate) struct Assumptions {
    /// Clients that a site's ordinary traffic comes from.
    #[arg(long, default_value_t = 20)]
    visitors: usize,
    /// Clients that try to teach the wrong thing.
    #[arg(long, default_value_t = 3)]
    poisoners: usize,
    /// Their share of the traffic that is learned from (percent).
    #[arg(long, default_value_t = 5)]
    poisoned_percent: usize,
}

/// Runs the simulation and prints its table.
pub(crate) fn simulate(data: &Path, directory: &Path, assumptions: Assumptions) -> Result<()> {
    let sites = sites(data)?;
    let mut rows: BTreeMap<Row, Tally> = BTreeMap::new();
    let mut largest = 0;
    for fold in 0..FOLDS {
        let model = Model::from_bytes(&std::fs::read(model_without(directory, fold))?)?;
        let payloads = Payloads::load(data, fold, &model)?;
        eprintln!("part {fold}: {} payloads, {:?}", payloads.len(), model.artifact().header.thresholds);
        let mut run = Run::new(&model, &payloads, assumptions, &mut rows);
        let of_fold = sites.iter().filter(|(site, _)| fold_of(fingerprint(site.as_bytes())) == fold);
        of_fold.for_each(|(site, records)| largest = largest.max(run.site(site, records)));
    }
    println!("{:50} {:>7} {:>17} {:>17} {:>17}", "", "all", "medium", "high", "critical");
    rows.iter().for_each(|(row, tally)| println!("{:50} {tally}", row.title()));
    println!("largest state: {} KiB", largest >> 10);
    Ok(())
}

/// One part's model with what it needs.
struct Run<'r> {
    model: &'r Model,
    payloads: &'r Payloads,
    assumptions: Assumptions,
    rows: &'r mut BTreeMap<Row, Tally>,
    judge: Judge<'r>,
}

impl<'r> Run<'r> {
    fn new(
        model: &'r Model,
        payloads: &'r Payloads,
        assumptions: Assumptions,
        rows: &'r mut BTreeMap<Row, Tally>,
    ) -> Self {
        Self { model, payloads, assumptions, rows, judge: Judge::new(model) }
    }

    /// Simulates one site; returns the size of what was learned (bytes).
    fn site(&mut self, site: &str, records: &[Record]) -> usize {
        let mut random = Random::new(fingerprint(site.as_bytes()));
        let (first, second) = records.split_at(records.len() / 2);
        let clean = self.learned(State::default(), first, &mut random);
        let poisoned = self.poisoned(&clean, first, &mut random);
        let of_clean = Profiles::new(&clean, &Quorum::default());
        let of_poisoned = Profiles::new(&poisoned, &Quorum::default());
        for record in second {
            self.count(Row::OrdinaryCold, record, None);
            self.count(Row::OrdinaryLearned, record, Some(&of_clean));
            self.count(Row::OrdinaryPoisoned, record, Some(&of_poisoned));
            if random.below(ATTACKED_ONE_IN) == 0
                && let Some(attack) = placed(record, self.payloads.pick(&mut random), &mut random)
            {
                self.count(Row::HostileCold, &attack, None);
                self.count(Row::HostileLearned, &attack, Some(&of_clean));
                self.count(Row::HostilePoisoned, &attack, Some(&of_poisoned));
            }
        }
        (0..AIMED).for_each(|_| self.aimed(first.len(), second, &clean, &of_clean, &mut random));
        clean.bytes()
    }

    fn learned(&self, state: State, records: &[Record], random: &mut Random) -> State {
        let visitors = Clients { kind: 1, count: self.assumptions.visitors };
        let mut learner = Learner::new(state, Caps::default(), Quorum::default());
        records.iter().for_each(|record| learn(&mut learner, self.model, record, visitors.draw(random)));
        learner.state().clone()
    }

    /// Attacks in the site's own parameters, on top of the traffic.
    fn poisoned(&self, clean: &State, records: &[Record], random: &mut Random) -> State {
        let poisoners = Clients { kind: 2, count: self.assumptions.poisoners };
        let mut learner = Learner::new(clean.clone(), Caps::default(), Quorum::default());
        for _ in 0..self.poison(records.len()) {
            let Some(record) = random.pick(records) else { break };
            if let Some(attack) = placed(record, self.payloads.pick(random), random) {
                learn(&mut learner, self.model, &attack, poisoners.draw(random));
            }
        }
        learner.state().clone()
    }

    /// Requests that poison so many others.
    fn poison(&self, ordinary: usize) -> usize {
        let percent = self.assumptions.poisoned_percent.min(99);
        (ordinary * percent).div_ceil(100 - percent)
    }

    /// One attack on one parameter: all the poison is that attack.
    fn aimed(
        &mut self,
        ordinary: usize,
        records: &[Record],
        clean: &State,
        of_clean: &Profiles,
        random: &mut Random,
    ) {
        let payload = self.payloads.pick(random);
        let Some(attack) = random.pick(records).and_then(|record| placed(record, payload, random)) else {
            return;
        };
        let poisoners = Clients { kind: 2, count: self.assumptions.poisoners };
        let mut learner = Learner::new(clean.clone(), Caps::default(), Quorum::default());
        for _ in 0..self.poison(ordinary) {
            learn(&mut learner, self.model, &attack, poisoners.draw(random));
        }
        let of_poisoned = Profiles::new(learner.state(), &Quorum::default());
        self.count(Row::AimedCold, &attack, None);
        self.count(Row::AimedLearned, &attack, Some(of_clean));
        self.count(Row::AimedPoisoned, &attack, Some(&of_poisoned));
    }

    fn count(&mut self, row: Row, record: &Record, profiles: Option<&Profiles>) {
        let log_odds = self.judge.log_odds(record, profiles);
        let thresholds = self.model.artifact().header.thresholds;
        self.rows.entry(row).or_default().add(log_odds, thresholds);
    }
}

/// Who judges requests.
pub(crate) struct Judge<'m> {
    pub(crate) model: &'m Model,
    pub(crate) scratch: Scratch,
    pub(crate) extractor: Extractor,
}

impl<'m> Judge<'m> {
    pub(crate) fn new(model: &'m Model) -> Self {
        Self { model, scratch: Scratch::default(), extractor: Extractor::default() }
    }

    /// The log-odds of a request's strangest view.
    pub(crate) fn log_odds(&mut self, record: &Record, profiles: Option<&Profiles>) -> f32 {
        let Self { model, scratch, extractor } = self;
        let (site, target) = (host(record), &record.request.target);
        let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
        let place = profiles.map(|profiles| Place { profiles, site, path });
        let mut highest = f32::NEG_INFINITY;
        each_view(record, extractor, &mut |view: View<'_>| {
            let log_odds = match &place {
                Some(place) => model.log_odds_at(view, place, scratch).0,
                None => model.log_odds(view, scratch),
            };
            highest = highest.max(log_odds);
        });
        highest
    }
}

fn host(record: &Record) -> &[u8] {
    record.request.headers.first(b"host").unwrap_or_default()
}

fn learn(learner: &mut Learner, model: &Model, record: &Record, when: When) {
    let seen = learner.see(model, host(record), record, &Limits::default());
    learner.learn(model, seen, when);
}
