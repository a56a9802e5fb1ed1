//! What lists said, for as long as it holds.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;
use transaction::Listing;

use super::Question;

/// Where an answer will come.
pub(super) type Awaited = watch::Receiver<Option<Listing>>;
/// Where it is said.
pub(super) type Said = watch::Sender<Option<Listing>>;

/// What is there of a question.
pub(super) enum Found {
    /// It was answered.
    Known(Listing),
    /// Somebody asked it a moment ago.
    Awaited(Awaited),
    /// It is to be asked now, and answered there.
    Begun(Said, Awaited),
    /// It cannot be asked.
    Refused,
}

/// What lists said; of more than there is room for, the oldest is forgotten.
pub(super) struct Cache {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    /// Entries of one shard (count).
    entries_max: usize,
}

#[derive(Default)]
struct Shard {
    entries: HashMap<Question, Entry>,
    /// What was put in, the oldest first; an entry that was replaced since is named by its old stamp.
    order: VecDeque<(u64, Question)>,
    stamp: u64,
}

struct Entry {
    stamp: u64,
    state: State,
}

enum State {
    /// The question is under way.
    Asked(Awaited),
    /// It was answered.
    Known { listing: Listing, until: Instant },
}

impl Cache {
    pub(super) fn new(entries_max: usize) -> Self {
        let shards: Vec<_> = (0..SHARDS.min(entries_max.max(1))).map(|_| Mutex::default()).collect();
        let entries_max = entries_max.div_ceil(shards.len()).max(1);
        Self { shards, hasher: RandomState::new(), entries_max }
    }

    /// What is there of a question; where nothing is, it is begun if it `may` be.
    pub(super) fn find(&self, question: &Question, now: Instant, may: impl FnOnce() -> bool) -> Found {
        let mut shard = self.shard(question);
        match shard.entries.get(question).map(|entry| &entry.state) {
            Some(State::Known { listing, until }) if *until > now => return Found::Known(*listing),
            // Whoever asked may be gone without an answer.
            Some(State::Asked(awaited)) if awaited.has_changed().is_ok() => {
                return Found::Awaited(awaited.clone());
            }
            Some(_) | None => {}
        }
        if !may() {
            return Found::Refused;
        }
        let (said, awaited) = watch::channel(None);
        shard.put(question.clone(), State::Asked(awaited.clone()), self.entries_max);
        Found::Begun(said, awaited)
    }

    /// Keeps an answer.
    pub(super) fn keep(&self, question: Question, listing: Listing, until: Instant) {
        self.shard(&question).put(question, State::Known { listing, until }, self.entries_max);
    }

    fn shard(&self, question: &Question) -> MutexGuard<'_, Shard> {
        let hash = usize::try_from(self.hasher.hash_one(question) & 0xffff).unwrap_or(0);
        self.shards[hash % self.shards.len()].lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        let count = |shard: &Mutex<Shard>| shard.lock().unwrap_or_else(PoisonError::into_inner).entries.len();
        self.shards.iter().map(count).sum()
    }
}

impl Shard {
    fn put(&mut self, question: Question, state: State, entries_max: usize) {
        self.stamp += 1;
        let stamp = self.stamp;
        self.order.push_back((stamp, question.clone()));
        self.entries.insert(question, Entry { stamp, state });
        while self.order.len() > entries_max {
            let Some((stamp, oldest)) = self.order.pop_front() else { break };
            if self.entries.get(&oldest).is_some_and(|entry| entry.stamp == stamp) {
                self.entries.remove(&oldest);
            }
        }
    }
}

/// Parts that are locked by themselves (count).
const SHARDS: usize = 16;
