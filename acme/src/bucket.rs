//! How many requests an authority gets: a token bucket.

use std::time::{Duration, SystemTime};

/// A token bucket. In any five minutes it gives [`REQUESTS_MAX`] tokens at most: those it holds when full, and those that come
/// meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    tokens: f64,
    at: Option<SystemTime>,
}

impl Bucket {
    /// A full one.
    #[must_use]
    pub(crate) fn full() -> Self {
        Self { tokens: BURST, at: None }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// How long until there is one.
    pub(crate) fn take(&mut self, now: SystemTime) -> Result<(), Duration> {
        self.refill(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.tokens) / PER_SECOND) + Duration::from_millis(1))
    }

    /// Tokens left (count).
    #[must_use]
    pub(crate) fn left(&self) -> f64 {
        self.tokens
    }

    fn refill(&mut self, now: SystemTime) {
        // A clock that was set back gives nothing, and takes nothing.
        let passed = self.at.and_then(|at| now.duration_since(at).ok()).unwrap_or_default();
        self.tokens = (self.tokens + passed.as_secs_f64() * PER_SECOND).min(BURST);
        self.at = Some(now);
    }
}

/// Requests an authority gets in any [`WINDOW_SECONDS`], at most (count). A public authority is known to refuse more than 200.
const REQUESTS_MAX: f64 = 150.0;
/// The time that is counted over.
const WINDOW_SECONDS: f64 = 300.0;
/// Tokens of a full bucket: a few orders can be made at once.
const BURST: f64 = 50.0;
/// Tokens that come in a second: those of a full bucket and these make [`REQUESTS_MAX`] in the window.
const PER_SECOND: f64 = (REQUESTS_MAX - BURST) / WINDOW_SECONDS;

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes as many as it can, as fast as it can, after `idle`; the times they were taken.
    fn greedy(requests: usize, idle: Duration) -> Vec<SystemTime> {
        let mut bucket = Bucket::full();
        let mut now = SystemTime::UNIX_EPOCH + idle;
        let mut taken = Vec::new();
        while taken.len() < requests {
            match bucket.take(now) {
                Ok(()) => taken.push(now),
                Err(wait) => now += wait,
            }
        }
        taken
    }

    #[test]
    fn no_window_sees_more_than_the_most() {
        for idle in [0, 1, 299, 86_400] {
            let taken = greedy(1_000, Duration::from_secs(idle));
            for (index, first) in taken.iter().enumerate() {
                let within =
                    taken[index..].iter().take_while(|at| **at < *first + Duration::from_secs(300)).count();
                assert!(within <= 150, "{within} in a window, after {idle} s");
            }
        }
    }

    #[test]
    fn a_clock_set_back_neither_gives_nor_takes() {
        let mut bucket = Bucket::full();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        (0..50).for_each(|_| assert_eq!(bucket.take(now), Ok(())));
        assert!(bucket.take(now - Duration::from_secs(500_000)).is_err());
        assert!(bucket.take(now - Duration::from_secs(499_990)).is_ok(), "time goes on from there");
    }
}
