//! Times of rules, request by request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use signatures::RuleId;
use signatures::run::{Meter, Work};

/// What is known of all work so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger(Arc<Mutex<Books>>);

#[derive(Debug, Default)]
struct Books {
    /// Of the round that runs.
    round: BTreeMap<Key, Round>,
    /// The best of the request's rounds.
    request: BTreeMap<Key, Round>,
    all: BTreeMap<Key, Entry>,
}

/// A rule; `None` is screening.
type Key = Option<RuleId>;

#[derive(Clone, Copy, Debug, Default)]
struct Round {
    time: Duration,
    matched: bool,
}

/// What a rule took.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    pub(super) ran: usize,
    pub(super) matched: usize,
    pub(super) total: Duration,
    pub(super) worst: Duration,
    pub(super) worst_request: String,
}

impl Ledger {
    /// Writes to this ledger.
    pub(super) fn meter(&self) -> Box<dyn Meter> {
        Box::new(Stopwatch { ledger: self.clone(), began: None })
    }

    /// The round is over.
    pub(super) fn end_round(&self) {
        let mut books = self.books();
        for (key, round) in std::mem::take(&mut books.round) {
            let best = books.request.entry(key).or_insert(round);
            best.time = best.time.min(round.time);
        }
    }

    /// All rounds of a request are over.
    pub(super) fn end_request(&self, id: &str) {
        let mut books = self.books();
        for (key, best) in std::mem::take(&mut books.request) {
            let entry = books.all.entry(key).or_default();
            entry.ran += 1;
            entry.matched += usize::from(best.matched);
            entry.total += best.time;
            if best.time > entry.worst {
                (entry.worst, entry.worst_request) = (best.time, id.to_owned());
            }
        }
    }

    /// The most expensive first.
    pub(super) fn entries(self) -> Vec<(String, Entry)> {
        let all = std::mem::take(&mut self.books().all).into_iter();
        let name = |key: Key| key.map_or("screening".to_owned(), |id| id.to_string());
        let mut entries: Vec<_> = all.map(|(key, entry)| (name(key), entry)).collect();
        entries.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.total));
        entries
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Measures pieces of work, one after the other.
#[derive(Debug)]
struct Stopwatch {
    ledger: Ledger,
    began: Option<Instant>,
}

impl Meter for Stopwatch {
    fn begin(&mut self) {
        self.began = Some(Instant::now());
    }

    fn end(&mut self, work: Work) {
        let time = self.began.take().map(|began| began.elapsed()).unwrap_or_default();
        let (key, matched) = match work {
            Work::Screening => (None, false),
            Work::Rule(id, matched) => (Some(id), matched),
        };
        let mut books = self.ledger.books();
        let round = books.round.entry(key).or_default();
        round.time += time;
        round.matched |= matched;
    }
}
