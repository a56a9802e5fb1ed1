//! What was counted of one parameter.

use std::collections::BTreeMap;

use super::indicator::{self, Indicator};
use super::{Distinct, Kind, Look, Quorum, Windows};

/// Indicators that room is made for at a time (count).
const GROWTH: usize = 16;

/// Sources of a parameter that are sampled.
pub(super) const SOURCES: usize = 16;

/// What one request has in a parameter.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// What its value looks like; of several, what all look like.
    pub(super) look: Look,
    /// Numbers and n-grams of the indicators it has.
    pub(super) indicators: BTreeMap<u32, [u8; 4]>,
}

/// Counts of one parameter's values, one value a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameter {
    /// Requests that had it.
    pub count: u32,
    /// Requests in which all its values were plain.
    pub plain: u32,
    /// Requests by the type of its value.
    pub kinds: [u32; Kind::COUNT],
    /// Requests by the number of bits of its length.
    pub lengths: [u32; Look::LENGTHS],
    /// Requests in which it had characters of each class.
    pub classes: [u32; Look::CLASSES.len()],
    /// Who sent it.
    pub sources: Distinct<SOURCES>,
    /// Who sent it with a value that was not plain.
    pub rich_sources: Distinct<{ indicator::SOURCES }>,
    /// When it was sent.
    pub windows: Windows,
    /// What was suspicious in its values, in the order of numbers.
    pub indicators: Vec<Indicator>,
}

impl Parameter {
    /// It was sent in one more request: what its value looked like, and the indicators that it had, by number.
    /// Says how many of those are new.
    pub(super) fn add(&mut self, seen: &Value, source: u32, window: u32) -> usize {
        let look = seen.look;
        increment(&mut self.count);
        increment(&mut self.kinds[look.kind as usize]);
        increment(&mut self.lengths[usize::from(look.length)]);
        let has = |class: usize| look.classes & 1 << class != 0;
        self.classes.iter_mut().enumerate().filter(|(class, _)| has(*class)).for_each(|it| increment(it.1));
        if look.is_plain {
            increment(&mut self.plain);
        } else {
            self.rich_sources.add(source);
        }
        self.sources.add(source);
        self.windows.add(window);
        let before = self.indicators.len();
        for (number, gram) in &seen.indicators {
            let found = self.indicators.binary_search_by_key(number, |it| it.number);
            let at = found.unwrap_or_else(|at| {
                self.insert(at, Indicator::new(*number, *gram));
                at
            });
            self.indicators[at].add(*gram, source, window);
        }
        self.indicators.len() - before
    }

    /// Grows by a few at a time: there are many of these lists, and half of them empty is too much.
    fn insert(&mut self, at: usize, indicator: Indicator) {
        if self.indicators.len() == self.indicators.capacity() {
            self.indicators.reserve_exact(GROWTH);
        }
        self.indicators.insert(at, indicator);
    }

    /// Adds what was counted elsewhere of the same parameter.
    pub fn merge(&mut self, other: &Self) {
        let pairs = [(&mut self.count, other.count), (&mut self.plain, other.plain)].into_iter();
        let kinds = self.kinds.iter_mut().zip(other.kinds);
        let lengths = self.lengths.iter_mut().zip(other.lengths);
        let classes = self.classes.iter_mut().zip(other.classes);
        for (count, more) in pairs.chain(kinds).chain(lengths).chain(classes) {
            *count = count.saturating_add(more);
        }
        self.sources.merge(&other.sources);
        self.rich_sources.merge(&other.rich_sources);
        self.windows.merge(&other.windows);
        if !other.indicators.is_empty() {
            self.indicators = indicator::merged(&self.indicators, &other.indicators);
        }
    }

    /// Drops the indicators that are furthest from being habitual, so that at most `wanted` remain.
    pub(super) fn trim(&mut self, wanted: usize, quorum: &Quorum) {
        if self.indicators.len() <= wanted {
            return;
        }
        let mut ranked: Vec<_> = self
            .indicators
            .iter()
            .map(|it| (quorum.is_habitual(self, it), it.sources.estimate(), it.windows.count(), it.number))
            .collect();
        // Numbers break ties, so that the same state is trimmed to the same.
        ranked.sort_unstable_by(|one, other| other.cmp(one));
        let kept: Vec<u32> = ranked[..wanted].iter().map(|it| it.3).collect();
        self.indicators.retain(|it| kept.contains(&it.number));
        self.indicators.shrink_to_fit();
    }

    /// Memory that it takes (bytes).
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.indicators.capacity() * size_of::<Indicator>()
    }
}

fn increment(count: &mut u32) {
    *count = count.saturating_add(1);
}
