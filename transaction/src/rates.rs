//! How a request stands with rate limits.

use std::sync::Arc;

/// How a request stands with one rate limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// Whether it is one too many.
    pub is_over: bool,
    /// Requests that may still come at once (count).
    pub remaining: u32,
    /// After how long one more may come than now (microseconds).
    pub wait_us: u64,
}

/// How a request stands with rate limits, by their names.
///
/// Whoever begins a transaction counts it, before rules run; a limit that is not here does not hold for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    rates: Vec<(Arc<str>, Rate)>,
}

impl Rates {
    /// How it stands with a limit; `None` when that does not hold for it.
    #[must_use]
    pub fn of(&self, limit: &str) -> Option<Rate> {
        self.rates.iter().find(|(known, _)| **known == *limit).map(|(_, rate)| *rate)
    }

    /// Adds how it stands with a limit, or puts it in place of what was said before.
    pub fn set(&mut self, limit: Arc<str>, rate: Rate) {
        match self.rates.iter_mut().find(|(known, _)| *known == limit) {
            Some((_, known)) => *known = rate,
            None => self.rates.push((limit, rate)),
        }
    }

    /// All limits, in the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, Rate)> {
        self.rates.iter().map(|(limit, rate)| (limit, *rate))
    }

    /// Whether no limit holds for it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rates.is_empty()
    }
}

impl<L: Into<Arc<str>>> FromIterator<(L, Rate)> for Rates {
    fn from_iter<I: IntoIterator<Item = (L, Rate)>>(rates: I) -> Self {
        let mut all = Self::default();
        rates.into_iter().for_each(|(limit, rate)| all.set(limit.into(), rate));
        all
    }
}
