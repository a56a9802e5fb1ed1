//! Counters of one configuration, found without a look-up.

use std::sync::OnceLock;

use engine::Verdict;
use prometheus::IntCounter;

/// The counters of requests by asset and verdict, each kept from its first use on: to find one by its labels takes a lock
/// and hashes them.
#[derive(Default)]
pub(super) struct Tally {
    /// By the asset's place in the configuration, then by verdict.
    assets: [[OnceLock<IntCounter>; VERDICTS]; ASSETS_MAX],
}

impl Tally {
    /// Counts a request; `find` tells the counter.
    pub(super) fn request(&self, asset: usize, verdict: &Verdict, find: impl Fn() -> IntCounter) {
        let kept = self.assets.get(asset).and_then(|verdicts| verdicts.get(index(verdict)));
        match kept {
            Some(counter) => counter.get_or_init(find).inc(),
            None => find().inc(),
        }
    }
}

fn index(verdict: &Verdict) -> usize {
    match verdict {
        Verdict::Pass => 0,
        Verdict::Detect(_) => 1,
        Verdict::Prevent(..) => 2,
    }
}

const VERDICTS: usize = 3;
/// Assets whose counters are kept (count); those of others are looked up.
const ASSETS_MAX: usize = 32;
