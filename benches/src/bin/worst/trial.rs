//! How long one request takes, whole and rule by rule.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine::{Evaluation, Snapshot};
use portcullis_benches::clock;
use signatures::RuleId;
use signatures::run::{Meter, Work};
use transaction::Record;

use crate::gene::Gene;

/// The longest request there is (bytes): ten times the short one.
pub(crate) const BYTES_LONG: usize = 128 << 10;
/// A tenth of it.
pub(crate) const BYTES_SHORT: usize = BYTES_LONG / 10;

/// A piece of work; `None` is screening.
pub(crate) type Key = Option<RuleId>;

/// A gene's times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trial {
    pub(crate) short: Times,
    pub(crate) long: Times,
}

/// Times of one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times {
    pub(crate) whole: Duration,
    pub(crate) parts: BTreeMap<Key, Duration>,
}

impl Trial {
    /// The least times of so many rounds.
    pub(crate) fn run(snapshot: &Arc<Snapshot>, host: &str, gene: &Gene, rounds: usize) -> Self {
        let short = gene.record(host, BYTES_SHORT);
        let long = gene.record(host, BYTES_LONG);
        Self { short: Times::of(snapshot, &short, rounds), long: Times::of(snapshot, &long, rounds) }
    }

    /// How many times longer ten times the bytes take.
    pub(crate) fn growth(&self) -> f64 {
        ratio(self.long.whole, self.short.whole)
    }

    pub(crate) fn growth_of(&self, key: Key) -> f64 {
        let of = |times: &Times| times.parts.get(&key).copied().unwrap_or_default();
        ratio(of(&self.long), of(&self.short))
    }
}

fn ratio(long: Duration, short: Duration) -> f64 {
    long.as_secs_f64() / short.as_secs_f64().max(1e-9)
}

impl Times {
    fn of(snapshot: &Arc<Snapshot>, record: &Record, rounds: usize) -> Self {
        let mut best = Self { whole: Duration::MAX, parts: BTreeMap::new() };
        for _ in 0..rounds {
            let books = Books::default();
            let begun = clock::of_thread();
            black_box(Evaluation::of_measured(snapshot.clone(), record, || Box::new(Stopwatch::new(&books))));
            best.whole = best.whole.min(clock::of_thread().saturating_sub(begun));
            for (key, time) in std::mem::take(&mut *books.open()) {
                let known = best.parts.entry(key).or_insert(Duration::MAX);
                *known = time.min(*known);
            }
        }
        best
    }
}

/// Times by piece of work.
#[derive(Clone, Debug, Default)]
struct Books(Arc<Mutex<BTreeMap<Key, Duration>>>);

impl Books {
    fn open(&self) -> MutexGuard<'_, BTreeMap<Key, Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Stopwatch {
    books: Books,
    began: Option<Duration>,
}

impl Stopwatch {
    fn new(books: &Books) -> Self {
        Self { books: books.clone(), began: None }
    }
}

impl Meter for Stopwatch {
    fn begin(&mut self) {
        self.began = Some(clock::of_thread());
    }

    fn end(&mut self, work: Work) {
        let time =
            self.began.take().map(|began| clock::of_thread().saturating_sub(began)).unwrap_or_default();
        let key = match work {
            Work::Screening => None,
            Work::Rule(id, _) => Some(id),
        };
        *self.books.open().entry(key).or_default() += time;
    }
}

/// The time of one evaluation that nobody measures the parts of: the least of so many rounds.
pub(crate) fn plain(snapshot: &Arc<Snapshot>, record: &Record, rounds: usize) -> Duration {
    let one = || {
        let begun = clock::of_thread();
        black_box(Evaluation::of_record(snapshot.clone(), record));
        clock::of_thread().saturating_sub(begun)
    };
    (0..rounds).map(|_| one()).min().unwrap_or_default()
}
