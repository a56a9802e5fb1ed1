//! Theoretical arrival times by key, in memory that does not grow.
//!
//! A key belongs to one set of sixteen places, so that finding it, and finding room for it, takes the same time however
//! many there are. Where a set is full, the key is forgotten whose time comes first: it is nearest to having a clean slate
//! anyway, and one that is over its limit stays. There are twice as many places as keys to be remembered, so that few
//! sets are full before all are.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use engine::RateKey;
use transaction::Rate;

use super::gcra::Gcra;

/// Theoretical arrival times (nanoseconds) by key.
pub(crate) struct Table {
    entries_max: usize,
    /// Parts that are locked by themselves, for as long as a key is counted.
    shards: Vec<Mutex<Vec<Set>>>,
    /// Places keys in sets that nobody can foresee.
    seed: RandomState,
}

/// Marks of keys, 0 where there is none, and after them their times. Plain numbers, so that memory is taken from the system
/// only where it is used.
type Set = [u64; 2 * WAYS];

impl Table {
    pub(super) fn new(entries_max: usize) -> Self {
        let sets = (2 * entries_max).div_ceil(WAYS).max(1);
        let shards = sets.min(SHARDS_MAX);
        let shard = || Mutex::new(vec![[0; 2 * WAYS]; sets.div_ceil(shards)]);
        Self {
            entries_max,
            shards: std::iter::repeat_with(shard).take(shards).collect(),
            seed: RandomState::new(),
        }
    }

    /// Keys that it has room for (count).
    pub(super) fn entries_max(&self) -> usize {
        self.entries_max
    }

    /// Counts a request of a key: how it stands, and whether another key was forgotten for it.
    pub(super) fn count(&self, key: RateKey, gcra: Gcra, now: u64) -> (Rate, bool) {
        let place = usize::try_from(self.seed.hash_one(key.0)).unwrap_or(usize::MAX);
        let mark = u64::from_le_bytes(key.0.first_chunk().copied().unwrap_or_default()).max(1);
        let shard = &self.shards[place % self.shards.len()];
        let mut sets = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let at = place / self.shards.len() % sets.len();
        let (marks, times) = sets[at].split_at_mut(WAYS);
        if let Some(way) = marks.iter().position(|known| *known == mark) {
            let (rate, due) = gcra.count(times[way], now);
            times[way] = due;
            return (rate, false);
        }
        let (rate, due) = gcra.count(0, now);
        // Places that were never used have the earliest time of all.
        let way = times.iter().enumerate().min_by_key(|(_, time)| **time).map_or(0, |(way, _)| way);
        let forgets = times[way] > now;
        (marks[way], times[way]) = (mark, due);
        (rate, forgets)
    }

    /// Keys that have no clean slate (count). Looks at all of them.
    pub(crate) fn entries(&self, now: u64) -> usize {
        let of_shard = |shard: &Mutex<Vec<Set>>| {
            let sets = shard.lock().unwrap_or_else(PoisonError::into_inner);
            sets.iter().flat_map(|set| &set[WAYS..]).filter(|time| **time > now).count()
        };
        self.shards.iter().map(of_shard).sum()
    }
}

/// Places of a set (count).
const WAYS: usize = 16;
/// Parts that are locked by themselves (count).
const SHARDS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use engine::Quota;
    use proptest::prelude::*;

    use super::*;

    fn key(number: u64) -> RateKey {
        let mut key = RateKey([0; 16]);
        key.0[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        key
    }

    fn gcra(burst: u32) -> Gcra {
        Gcra::new(Quota { count: 1, period: Duration::from_secs(1), burst })
    }

    proptest! {
        /// Each key is counted as if it were alone.
        #[test]
        fn keys_do_not_disturb_each_other(
            requests in prop::collection::vec((0_u64..40, 0_u64..400_000_000), 1..300), burst in 1_u32..5,
        ) {
            let (table, gcra) = (Table::new(1_000), gcra(burst));
            let (mut alone, mut now) = (HashMap::new(), 0);
            for (number, gap) in requests {
                now += gap;
                let (expected, due) = gcra.count(*alone.get(&number).unwrap_or(&0), now);
                alone.insert(number, due);
                prop_assert_eq!(table.count(key(number), gcra, now), (expected, false));
            }
            prop_assert_eq!(table.entries(now), alone.values().filter(|due| **due > now).count());
        }
    }

    #[test]
    fn forgets_who_is_nearest_to_a_clean_slate() {
        let (table, gcra) = (Table::new(64), gcra(10));
        let worst = key(0);
        while !table.count(worst, gcra, 0).0.is_over {}
        let forgotten = (1..10_000).filter(|number| table.count(key(*number), gcra, 0).1).count();
        assert!(forgotten >= 9_999 - 2 * 64, "{forgotten}");
        assert!(table.entries(0) <= 2 * 64, "{}", table.entries(0));
        assert!(table.count(worst, gcra, 0).0.is_over, "it is remembered");
        assert_eq!(table.entries(u64::MAX), 0);
    }

    #[test]
    fn has_room_for_what_it_promises() {
        let (table, gcra) = (Table::new(10_000), gcra(10));
        let forgotten = (0..10_000).filter(|number| table.count(key(*number), gcra, 0).1).count();
        assert!(forgotten < 100, "{forgotten}");
    }
}
