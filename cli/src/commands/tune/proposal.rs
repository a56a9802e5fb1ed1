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
        let yaml = format!("{{ {narrowest}, reason: tune, expires: never }}");
        let candidate = with_exception(snapshot, &policy, &yaml);
        let passes = |snapshot: &Arc<Snapshot>, record: &Record| {
            Evaluation::of_record(snapshot.clone(), record).verdict().as_str() == "pass"
        };
        let (mut freed, mut tried, mut let_through) = (0, 0, 0);
        if let Some(candidate) = &candidate {
            freed = records.iter().filter(|record| passes(candidate, record)).count();
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
