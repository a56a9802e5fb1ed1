//! Learning from the first half of each site, judging the second.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use model::profile::{Caps, Learner, Profiles, Quorum, State};
use serde_json::json;
use train::random::{Random, fingerprint};
use transaction::Record;

use crate::attacks::{Payloads, placed};
use crate::folds::{FOLDS, fold_of};
use crate::judge::Judge;
use crate::mistakes::Mistakes;
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
pub(crate) fn simulate(
    data: &Path,
    directory: &Path,
    assumptions: Assumptions,
    mistakes: Option<&Path>,
) -> Result<()> {
    let mut mistakes = Mistakes::create(mistakes)?;
    let sites = sites(data)?;
    let mut rows: BTreeMap<Row, Tally> = BTreeMap::new();
    let mut largest = 0;
    for fold in 0..FOLDS {
        let judge = Judge::without(directory, fold)?;
        let payloads = Payloads::load(data, fold, &judge.model)?;
        let thresholds = judge.model.artifact().header.thresholds;
        eprintln!("part {fold}: {} payloads, {thresholds:?}", payloads.len());
        let mut run =
            Run { payloads: &payloads, assumptions, rows: &mut rows, judge, mistakes: &mut mistakes };
        let of_fold = sites.iter().filter(|(site, _)| fold_of(fingerprint(site.as_bytes())) == fold);
        of_fold.for_each(|(site, records)| largest = largest.max(run.site(site, records)));
    }
    println!("{}", Tally::heading());
    rows.iter().for_each(|(row, tally)| println!("{:50} {tally}", row.title()));
    println!("largest state: {} KiB", largest >> 10);
    Ok(mistakes.finish()?)
}

/// One part's model with what it needs.
struct Run<'r> {
    payloads: &'r Payloads,
    assumptions: Assumptions,
    rows: &'r mut BTreeMap<Row, Tally>,
    judge: Judge,
    mistakes: &'r mut Mistakes,
}

impl Run<'_> {
    /// Simulates one site; returns the size of what was learned (bytes).
    fn site(&mut self, site: &str, records: &[Record]) -> usize {
        let mut random = Random::new(fingerprint(site.as_bytes()));
        let (first, second) = records.split_at(records.len() / 2);
        let clean = self.learned(State::default(), first, &mut random);
        let poisoned = self.poisoned(&clean, first, &mut random);
        let of_clean = Arc::new(Profiles::new(&clean, &Quorum::default()));
        let of_poisoned = Arc::new(Profiles::new(&poisoned, &Quorum::default()));
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
        records.iter().for_each(|record| self.judge.teach(&mut learner, record, &visitors.draw(random)));
        learner.state().clone()
    }

    /// Attacks in the site's own parameters, on top of the traffic.
    fn poisoned(&self, clean: &State, records: &[Record], random: &mut Random) -> State {
        let poisoners = Clients { kind: 2, count: self.assumptions.poisoners };
        let mut learner = Learner::new(clean.clone(), Caps::default(), Quorum::default());
        for _ in 0..self.poison(records.len()) {
            let Some(record) = random.pick(records) else { break };
            if let Some(attack) = placed(record, self.payloads.pick(random), random) {
                self.judge.teach(&mut learner, &attack, &poisoners.draw(random));
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
        of_clean: &Arc<Profiles>,
        random: &mut Random,
    ) {
        let payload = self.payloads.pick(random);
        let Some(attack) = random.pick(records).and_then(|record| placed(record, payload, random)) else {
            return;
        };
        let poisoners = Clients { kind: 2, count: self.assumptions.poisoners };
        let mut learner = Learner::new(clean.clone(), Caps::default(), Quorum::default());
        for _ in 0..self.poison(ordinary) {
            self.judge.teach(&mut learner, &attack, &poisoners.draw(random));
        }
        let of_poisoned = Arc::new(Profiles::new(learner.state(), &Quorum::default()));
        self.count(Row::AimedCold, &attack, None);
        self.count(Row::AimedLearned, &attack, Some(of_clean));
        self.count(Row::AimedPoisoned, &attack, Some(&of_poisoned));
    }

    fn count(&mut self, row: Row, record: &Record, profiles: Option<&Arc<Profiles>>) {
        let judged = self.judge.judge(record, profiles);
        self.rows.entry(row).or_default().add(&judged);
        if judged.decision.blocked != row.is_hostile() {
            let decision = &judged.decision;
            self.mistakes.tell(|| json!({ "row": row.title(), "site": record.site, "decision": decision }));
        }
    }
}
