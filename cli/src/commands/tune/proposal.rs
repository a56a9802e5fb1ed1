//! One exception, with what it would do.

use std::sync::Arc;

use engine::{Evaluation, Snapshot};
use transaction::Record;

use super::{place, with_exception};
use crate::narrowest::Narrowest;

/// An exception that would free some requests.
pub(super) struct Proposal {
    /// The policy it is for.
    pub(super) policy: String,
    /// What it excepts.
    pub(super) narrowest: Narrowest,
    /// Requests that were stopped for this.
    pub(super) stopped: usize,
    /// Those of them that pass with the exception.
    pub(super) freed: usize,
    /// Attacks put into its fields that are stopped now, and those of them that would pass; `None` where none
    /// could be put there.
    pub(super) attacks: Option<(usize, usize)>,
}

impl Proposal {
    pub(super) fn measure(
        snapshot: &Arc<Snapshot>,
        policy: String,
        narrowest: Narrowest,
        records: &[Record],
        payloads: &[Vec<u8>],
    ) -> Self {
        let narrowest = narrowed(snapshot, &policy, narrowest, records);
        let candidate = excepting(snapshot, &policy, &narrowest);
        let (mut freed, mut tried, mut let_through) = (0, 0, 0);
        if let Some(candidate) = &candidate {
            freed = count(candidate, records);
            let placed = records.first().into_iter().flat_map(|record| {
                payloads.iter().filter_map(|payload| place::placed(record, &narrowest, payload))
            });
            for attack in placed.filter(|attack| !passes(snapshot, attack)) {
                tried += 1;
                let_through += usize::from(passes(candidate, &attack));
            }
        }
        let attacks = (tried > 0).then_some((tried, let_through));
        Self { policy, narrowest, stopped: records.len(), freed, attacks }
    }
}

/// Requests that are judged again and again to find which indicators can be left out (count).
const TRIED_MAX: usize = 100;

/// The exception without the indicators that free none of the requests: what they find does not suffice to stop one.
fn narrowed(snapshot: &Arc<Snapshot>, policy: &str, widest: Narrowest, records: &[Record]) -> Narrowest {
    let frees = |narrowest: &Narrowest, records: &[Record]| {
        excepting(snapshot, policy, narrowest).map_or(0, |candidate| count(&candidate, records))
    };
    let tried = &records[..records.len().min(TRIED_MAX)];
    let most = frees(&widest, tried);
    let mut narrowest = widest.clone();
    for indicator in widest.indicators() {
        let narrower = narrowest.without(indicator);
        if !narrower.indicators().is_empty() && frees(&narrower, tried) == most {
            narrowest = narrower;
        }
    }
    // It was tried with a part of them.
    if frees(&narrowest, records) < frees(&widest, records) { widest } else { narrowest }
}

fn excepting(snapshot: &Arc<Snapshot>, policy: &str, narrowest: &Narrowest) -> Option<Arc<Snapshot>> {
    with_exception(snapshot, policy, &format!("{{ {narrowest}, reason: tune, expires: never }}"))
}

fn count(snapshot: &Arc<Snapshot>, records: &[Record]) -> usize {
    records.iter().filter(|record| passes(snapshot, record)).count()
}

fn passes(snapshot: &Arc<Snapshot>, record: &Record) -> bool {
    Evaluation::of_record(snapshot.clone(), record).verdict().as_str() == "pass"
}
