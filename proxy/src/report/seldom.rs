//! Things that may happen many times a second, and are said now and then.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Something that is said at most every [`PERIOD`].
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<State>);

/// Several things, each of which is said at most every [`PERIOD`].
#[derive(Debug, Default)]
pub(crate) struct SeldomEach<K>(Mutex<BTreeMap<K, State>>);

#[derive(Debug, Default)]
struct State {
    said: Option<Instant>,
    meanwhile: u64,
}

impl Seldom {
    /// It happened `times` more. How often it did since it was last said, where it is time to say it again.
    pub(crate) fn happened(&self, times: u64) -> Option<u64> {
        self.happened_at(times, Instant::now())
    }

    fn happened_at(&self, times: u64, now: Instant) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).happened(times, now)
    }
}

impl<K: Ord> SeldomEach<K> {
    /// It happened once more. How often it did since it was last said, where it is time to say it again.
    pub(crate) fn happened(&self, what: K) -> Option<u64> {
        self.happened_at(what, Instant::now())
    }

    fn happened_at(&self, what: K, now: Instant) -> Option<u64> {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        states.entry(what).or_default().happened(1, now)
    }
}

impl State {
    fn happened(&mut self, times: u64, now: Instant) -> Option<u64> {
        self.meanwhile = self.meanwhile.saturating_add(times);
        if self.said.is_some_and(|said| now.duration_since(said) < PERIOD) {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.meanwhile))
    }
}

/// How often it is said at most.
const PERIOD: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_often_it_was_not_said() {
        let (seldom, begun) = (Seldom::default(), Instant::now());
        for (seconds, times, expected) in
            [(0, 1, Some(1)), (1, 1, None), (9, 3, None), (10, 1, Some(5)), (30, 2, Some(2))]
        {
            let said = seldom.happened_at(times, begun + Duration::from_secs(seconds));
            assert_eq!(said, expected, "after {seconds} s");
        }
    }

    #[test]
    fn one_thing_does_not_hide_another() {
        let (seldom, begun) = (SeldomEach::default(), Instant::now());
        for (seconds, what, expected) in
            [(0, "a", Some(1)), (1, "a", None), (2, "b", Some(1)), (10, "a", Some(2)), (11, "b", None)]
        {
            let said = seldom.happened_at(what, begun + Duration::from_secs(seconds));
            assert_eq!(said, expected, "{what} after {seconds} s");
        }
    }
}
