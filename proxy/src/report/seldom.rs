//! Things that may happen many times a second, and are said now and then.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Something that is said at most every [`PERIOD`].
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<State>);

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
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.meanwhile = state.meanwhile.saturating_add(times);
        if state.said.is_some_and(|said| now.duration_since(said) < PERIOD) {
            return None;
        }
        state.said = Some(now);
        Some(std::mem::take(&mut state.meanwhile))
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
}
