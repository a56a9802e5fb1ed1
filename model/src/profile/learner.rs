//! From requests to a state.

use std::collections::{BTreeMap, BTreeSet};

use transaction::{Body, Limits, Record, Transaction};

use super::indicator::{CLASS_FIRST, RULE_FIRST};
use super::parameter::Value;
use super::{Caps, Key, Look, Quorum, State, When};
use crate::extract::{Extractor, each_segment};
use crate::ngram::{self, damped};
use crate::{Location, Model, Scratch, View, Visit};

/// Parameters of one request that are learned (count).
const PARAMETERS_MAX: usize = 400;
/// Windows of a value that score no more than this have nothing suspicious in them.
const SUSPICIOUS: f32 = -3.0;
/// New parameters and indicators after which the state is trimmed (count).
const GROWTH_MAX: usize = 10_000;

/// Counts ordinary requests into a state. Not for the request path: it allocates.
#[derive(Debug)]
pub struct Learner {
    extractor: Extractor,
    scratch: Scratch,
    state: State,
    caps: Caps,
    quorum: Quorum,
    grown: usize,
}

/// What one request has in its parameters.
#[derive(Clone, Debug)]
pub struct Seen {
    site: Vec<u8>,
    path: Vec<u8>,
    parameters: BTreeMap<Key, Value>,
    log_odds: f32,
}

impl Seen {
    /// A request to a path of a site, of which nothing was seen yet.
    #[must_use]
    pub fn new(site: &[u8], path: &[u8]) -> Self {
        let (site, path) = (site.to_vec(), path.to_vec());
        Self { site, path, parameters: BTreeMap::new(), log_odds: f32::NEG_INFINITY }
    }

    /// A rule matched in one of its parameters. What is not among those that were seen is left out.
    pub fn rule(&mut self, location: Location, name: &[u8], rule: u32) {
        let key = Key::new(&self.site, &self.path, location, name);
        let number = RULE_FIRST.checked_add(rule);
        if let (Some(number), Some(value)) = (number, self.parameters.get_mut(&key)) {
            value.indicators.insert(number, [0; 4]);
        }
    }
}

impl Learner {
    /// Goes on from a state.
    #[must_use]
    pub fn new(state: State, caps: Caps, quorum: Quorum) -> Self {
        let mut learner = Self {
            extractor: Extractor::default(),
            scratch: Scratch::default(),
            state,
            caps,
            quorum,
            grown: 0,
        };
        learner.trim();
        learner
    }

    /// Sees the values of a request's head.
    pub fn head(&mut self, model: &Model, transaction: &Transaction, seen: &mut Seen) {
        let Self { extractor, scratch, .. } = self;
        extractor.head(transaction, &mut Eye { model, scratch, seen });
    }

    /// Sees the values of a body, or of one segment of it.
    pub fn body(&mut self, model: &Model, body: &Body, seen: &mut Seen) {
        let Self { extractor, scratch, .. } = self;
        extractor.body(body, &mut Eye { model, scratch, seen });
    }

    /// Sees a request whose body is whole, or that has none.
    pub fn see_whole(&mut self, model: &Model, site: &[u8], transaction: &Transaction) -> Seen {
        let mut seen = Seen::new(site, transaction.path());
        self.head(model, transaction, &mut seen);
        self.body(model, &transaction.body, &mut seen);
        seen
    }

    /// Sees a recorded request to a site.
    pub fn see(&mut self, model: &Model, site: &[u8], record: &Record, limits: &Limits) -> Seen {
        let mut transaction = record.transaction(limits);
        let mut seen = Seen::new(site, transaction.path());
        self.head(model, &transaction, &mut seen);
        each_segment(&mut transaction, &record.body, limits, |body| self.body(model, body, &mut seen));
        seen
    }

    /// Learns from a request that was seen. Of one that the model calls critical, whatever its profile says, only what it doubts is
    /// counted, and apart from all else ([`super::Critical`]). Says whether it is not.
    pub fn learn(&mut self, model: &Model, seen: Seen, when: When) -> bool {
        let thresholds = model.artifact().header.thresholds;
        let is_critical = seen.log_odds >= thresholds.critical;
        if is_critical {
            self.state.clients.saw_critical(when);
        } else if seen.log_odds < thresholds.medium {
            self.state.clients.saw_ordinary(when);
        }
        let known = self.state.len();
        for (key, value) in seen.parameters {
            let When { source, window } = when;
            self.grown += match is_critical {
                false => self.state.add(key, &value, source, window),
                true if value.log_odds < thresholds.medium => 0,
                true => self.state.add_critical(key, &value, source, window),
            };
        }
        self.grown += self.state.len() - known;
        if self.grown > GROWTH_MAX || self.state.len() > self.caps.parameters_max {
            self.trim();
        }
        !is_critical
    }

    /// What was learned.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    fn trim(&mut self) {
        self.state.trim(&self.caps, &self.quorum);
        self.grown = 0;
    }
}

/// Looks at the values of one request.
struct Eye<'e> {
    model: &'e Model,
    scratch: &'e mut Scratch,
    seen: &'e mut Seen,
}

impl Visit for Eye<'_> {
    fn value(&mut self, location: Location, name: &[u8], value: &[u8]) {
        let key = Key::new(&self.seen.site, &self.seen.path, location, name);
        let parameters = &mut self.seen.parameters;
        if parameters.len() == PARAMETERS_MAX && !parameters.contains_key(&key) {
            return;
        }
        let look = Look::of(value);
        let first = Value { look, indicators: BTreeMap::new(), log_odds: f32::NEG_INFINITY };
        let known = &mut parameters.entry(key).or_insert(first).look;
        known.is_plain &= look.is_plain;
        known.classes |= look.classes;
        known.length = known.length.max(look.length);
    }

    fn view(&mut self, view: View<'_>) {
        let (log_odds, stage1, highest) = self.model.inspect(view, self.scratch);
        self.seen.log_odds = self.seen.log_odds.max(log_odds);
        if highest <= SUSPICIOUS {
            return;
        }
        let key = Key::new(&self.seen.site, &self.seen.path, view.location, view.name);
        let Some(value) = self.seen.parameters.get_mut(&key) else { return };
        value.log_odds = value.log_odds.max(log_odds);
        let indicators = &mut value.indicators;
        let stretches = self.model.stretches(view.value, &stage1, self.scratch);
        let runs = stretches.iter().filter(|it| it.is_run()).map(|it| &view.value[it.range.clone()]);
        add_buckets(self.model, view.value, runs, indicators);
        let classes = self.model.classes(view.value, &stage1, self.scratch);
        let present = (0..64).filter(|class| classes & 1 << class != 0);
        indicators.extend(present.map(|class| (CLASS_FIRST + class, [0; 4])));
    }
}

/// Adds the buckets of positive weight of each window and run that has anything suspicious.
fn add_buckets<'v>(
    model: &Model,
    value: &[u8],
    runs: impl Iterator<Item = &'v [u8]>,
    out: &mut BTreeMap<u32, [u8; 4]>,
) {
    let artifact = model.artifact();
    let weight = |bucket: &u32| artifact.stage1.get(*bucket as usize).copied().unwrap_or_default();
    let mut found = BTreeSet::new();
    ngram::windows(value, |buckets, _| {
        let sum: i32 = buckets.iter().map(|bucket| i32::from(weight(bucket))).sum();
        let sum = sum as f32 * artifact.header.stage1_scale;
        if damped(artifact.header.stage1_bias, sum, buckets.len() as u32) > SUSPICIOUS {
            found.extend(buckets.iter().copied().filter(|bucket| weight(bucket) > 0));
        }
    });
    for run in runs {
        ngram::each(run, |bucket, _| {
            found.extend(Some(bucket as u32).filter(|bucket| weight(bucket) > 0));
        });
    }
    ngram::each(value, |bucket, gram| {
        if found.contains(&(bucket as u32)) {
            let known = out.entry(bucket as u32).or_insert(gram);
            *known = gram.min(*known);
        }
    });
}
