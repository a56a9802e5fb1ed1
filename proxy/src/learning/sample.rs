//! Which requests are learned from, when there are more than can be.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A share of all requests, by lot: who sends them cannot choose which are taken, and none of several that
/// come in a fixed order is always passed over.
#[derive(Debug)]
pub(super) struct Sample {
    /// Requests so far that might be learned from.
    offered: AtomicU64,
    /// Lots below this are taken; all lots are below [`ALL`].
    below: AtomicU64,
}

impl Default for Sample {
    fn default() -> Self {
        Self { offered: AtomicU64::new(0), below: AtomicU64::new(ALL) }
    }
}

impl Sample {
    /// Whether a request is taken; its lot is its id, which is random.
    pub(super) fn takes(&self, id: &str) -> bool {
        self.offered.fetch_add(1, Ordering::Relaxed);
        lot(id) < self.below.load(Ordering::Relaxed)
    }

    /// Chooses the share, so that at most `wanted` a second are taken at the rate of the last `time`.
    pub(super) fn adjust(&self, time: Duration, wanted: u32) {
        let offered = self.offered.swap(0, Ordering::Relaxed) as f64;
        let share = (f64::from(wanted) * time.as_secs_f64() / offered.max(1.0)).min(1.0);
        self.below.store((share * ALL as f64) as u64, Ordering::Relaxed);
    }
}

/// A number that is spread evenly below [`ALL`].
fn lot(id: &str) -> u64 {
    let digits = id.len().checked_sub(8).and_then(|at| id.get(at..)).unwrap_or_default();
    u64::from(u32::from_str_radix(digits, 16).unwrap_or_default())
}

/// One more than the highest lot.
const ALL: u64 = 1 << 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Ids;

    #[test]
    fn takes_about_as_many_as_are_wanted() {
        let ids = Ids::default();
        for (offered, milliseconds, wanted, least, most) in [
            (1_000, 1_000, 2_000, 10_000, 10_000),
            (1_000, 1_000, 1_000, 10_000, 10_000),
            (1_000, 1_000, 100, 800, 1_200),
            (1_000, 100, 100, 50, 150),
            (0, 1_000, 1, 10_000, 10_000),
        ] {
            let sample = Sample::default();
            assert!(
                (0..offered).all(|_| sample.takes(&ids.next())),
                "before the rate is known all are taken"
            );
            sample.adjust(Duration::from_millis(milliseconds), wanted);
            let taken = (0..10_000).filter(|_| sample.takes(&ids.next())).count();
            assert!((least..=most).contains(&taken), "{offered} {milliseconds} {wanted}: {taken}");
        }
    }
}
