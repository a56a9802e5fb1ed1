//! Requests that HAProxy passed or refused by itself, as nobody answered.
//!
//! HAProxy counts them, and tells of its count with every request that it asks about: how many there were, and how many of
//! them it has heard that an agent counted. What is more than both that and what was counted here is new, so that neither
//! requests at once nor a restart on either side count one twice.

use std::sync::{Mutex, PoisonError};

/// What a HAProxy says of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// Which HAProxy, and which run of it.
    pub(super) by: Vec<u8>,
    /// How many since it began (count).
    pub(super) total: u64,
    /// How many of them were counted, as it knows (count).
    pub(super) told: u64,
}

/// What was counted here. Only looked at where there is something to count.
#[derive(Debug, Default)]
pub(super) struct Missed(Mutex<Vec<(Vec<u8>, u64)>>);

impl Missed {
    /// How many of them were not counted yet.
    pub(super) fn news(&self, said: &Said) -> u64 {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = counted.iter().position(|(by, _)| *by == said.by);
        let before = place.map_or(0, |place| counted.remove(place).1).max(said.told);
        if counted.len() == HAPROXIES_MAX {
            counted.remove(0);
        }
        counted.push((said.by.clone(), before.max(said.total)));
        said.total.saturating_sub(before)
    }
}

/// Runs of HAProxies that are remembered (count): those that had something to tell last.
const HAPROXIES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_each_once() {
        let missed = Missed::default();
        for (by, total, told, expected) in [
            ("a", 3, 0, 3),
            // Another request that was on its way.
            ("a", 3, 0, 0),
            ("a", 4, 3, 1),
            ("a", 3, 0, 0),
            ("b", 2, 0, 2),
            // Counted by an agent before this one.
            ("c", 9, 7, 2),
            ("c", 9, 9, 0),
        ] {
            let said = Said { by: by.as_bytes().to_vec(), total, told };
            assert_eq!(missed.news(&said), expected, "{said:?}");
        }
    }

    #[test]
    fn remembers_so_many() {
        let missed = Missed::default();
        for number in 0..10_000_u64 {
            missed.news(&Said { by: number.to_be_bytes().to_vec(), total: 1, told: 0 });
        }
        assert_eq!(missed.0.lock().expect("not poisoned").len(), HAPROXIES_MAX);
    }
}
