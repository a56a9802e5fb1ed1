//! The generic cell rate algorithm: one number for each key says all.
//!
//! The theoretical arrival time is when the next request would be due if all kept to the rate. A request may be as
//! early as the burst allows, and moves that time by one interval; one that is too early moves nothing.

use engine::Quota;
use transaction::Rate;

/// A quota as the algorithm wants it (nanoseconds).
#[derive(Clone, Copy, Debug)]
pub(super) struct Gcra {
    interval: u64,
    /// How far ahead of now the theoretical arrival time may come.
    tolerance: u64,
}

impl Gcra {
    pub(super) fn new(quota: Quota) -> Self {
        let nanos = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let interval = nanos(quota.interval()).max(1);
        Self { interval, tolerance: interval.saturating_mul(quota.burst.max(1).into()) }
    }

    /// Counts a request that comes at `now` (nanoseconds since some moment in the past, as `due` is): how it stands, and
    /// the theoretical arrival time from now on.
    pub(super) fn count(self, due: u64, now: u64) -> (Rate, u64) {
        let next = due.max(now).saturating_add(self.interval);
        let latest = now.saturating_add(self.tolerance);
        if next > latest {
            let rate = Rate { is_over: true, remaining: 0, wait_us: micros(next - latest) };
            return (rate, due);
        }
        let room = latest - next;
        let rate = Rate {
            is_over: false,
            remaining: u32::try_from(room / self.interval).unwrap_or(u32::MAX),
            wait_us: micros(self.interval - room % self.interval),
        };
        (rate, next)
    }
}

/// Rounded up: who waits for so long is not too early.
fn micros(nanos: u64) -> u64 {
    nanos.div_ceil(1_000)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn quota(count: u32, seconds: u64, burst: u32) -> Quota {
        Quota { count, period: Duration::from_secs(seconds), burst }
    }

    #[test]
    fn a_burst_then_the_rate() {
        let gcra = Gcra::new(quota(10, 1, 3));
        let mut due = 0;
        let mut at = |ms: u64| {
            let (rate, next) = gcra.count(due, ms * 1_000_000);
            due = next;
            (rate.is_over, rate.remaining, rate.wait_us)
        };
        assert_eq!(at(1_000), (false, 2, 100_000));
        assert_eq!(at(1_000), (false, 1, 100_000));
        assert_eq!(at(1_000), (false, 0, 100_000));
        assert_eq!(at(1_000), (true, 0, 100_000));
        assert_eq!(at(1_060), (true, 0, 40_000));
        assert_eq!(at(1_100), (false, 0, 100_000));
        assert_eq!(at(1_099), (true, 0, 101_000));
        assert_eq!(at(1_250), (false, 0, 50_000));
        assert_eq!(at(9_000), (false, 2, 100_000));
    }

    /// A bucket of tokens that is filled at the rate: what the algorithm is to be like. In units of an interval's
    /// nanoseconds, so that nothing is rounded.
    struct Bucket {
        interval: u128,
        size: u128,
        held: u128,
        last: u128,
    }

    impl Bucket {
        fn takes(&mut self, now: u128) -> bool {
            self.held = (self.held + (now - self.last)).min(self.size * self.interval);
            self.last = now;
            let takes = self.held >= self.interval;
            self.held -= if takes { self.interval } else { 0 };
            takes
        }
    }

    proptest! {
        #[test]
        fn is_a_bucket_of_tokens(
            count in 1_u32..2_000, seconds in 1_u64..100, burst in 1_u32..50,
            gaps in prop::collection::vec(prop_oneof![Just(0), 0_u64..2_000_000, 0_u64..20_000_000_000], 1..200),
        ) {
            let gcra = Gcra::new(quota(count, seconds, burst));
            let (interval, size) = (u128::from(gcra.interval), u128::from(burst));
            let mut bucket = Bucket { interval, size, held: size * interval, last: 0 };
            let (mut due, mut now) = (0, 0);
            for gap in gaps {
                now += gap;
                let (rate, next) = gcra.count(due, now);
                prop_assert_eq!(!rate.is_over, bucket.takes(now.into()));
                prop_assert_eq!(u128::from(rate.remaining), bucket.held / interval);
                prop_assert!(rate.wait_us >= 1);
                // Whoever waits as long as is said gets through; and not much earlier.
                if rate.is_over {
                    prop_assert!(!gcra.count(next, now + rate.wait_us * 1_000).0.is_over);
                    prop_assert!(gcra.count(next, now + (rate.wait_us - 1) * 1_000).0.is_over);
                }
                due = next;
            }
        }

        #[test]
        fn never_overflows(due in any::<u64>(), now in any::<u64>(), count in any::<u32>(), burst in any::<u32>()) {
            let _ = Gcra::new(quota(count, u64::MAX, burst)).count(due, now);
        }
    }
}
