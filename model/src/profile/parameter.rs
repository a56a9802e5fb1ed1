//! What was counted of one parameter.

use std::collections::BTreeMap;

use super::indicator::{self, Indicator};
use super::{Clients, Critical, Distinct, Kind, Look, Quorum, Windows};

/// Sources of a parameter that are sampled.
pub(super) const SOURCES: usize = 16;

/// What one request has in a parameter.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// What its value looks like; of several, what all look like.
    pub(super) look: Look,
    /// Numbers and n-grams of the indicators it has.
    pub(super) indicators: BTreeMap<u32, [u8; 4]>,
    /// What the model says of the strangest of its values, without any profile.
    pub(super) log_odds: f32,
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
    /// The same of requests that the model calls critical, if it doubted this parameter of any.
    pub critical: Option<Box<Critical>>,
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
        indicator::add(&mut self.indicators, &seen.indicators, source, window)
    }

    /// It was sent in one more request that the model calls critical, and in this parameter it has its doubts. Says how many of the
    /// indicators are new.
    pub(super) fn add_critical(&mut self, seen: &Value, source: u32, window: u32) -> usize {
        self.critical.get_or_insert_default().add(seen, source, window)
    }

    /// Requests that had it, critical ones as well.
    #[must_use]
    pub fn all(&self) -> u32 {
        self.count.saturating_add(self.critical.as_ref().map_or(0, |critical| critical.count))
    }

    /// The last window of time it was sent in.
    #[must_use]
    pub fn last_window(&self) -> u32 {
        self.windows.last().max(self.critical.as_ref().map_or(0, |critical| critical.windows.last()))
    }

    /// What its values habitually have, among it what the model calls critical where that is what clients of good [conduct](super::Conduct::is_good) mostly send.
    /// What both have comes twice.
    pub fn habitual<'p>(
        &'p self,
        quorum: &'p Quorum,
        clients: &'p Clients,
    ) -> impl Iterator<Item = &'p Indicator> {
        let ordinary = self.indicators.iter().filter(|it| quorum.is_habitual(self, it));
        let trusted = self.critical.as_deref().filter(|it| quorum.trusts(self, it, clients));
        ordinary.chain(trusted.into_iter().flat_map(|critical| {
            critical.indicators.iter().filter(|it| quorum.is_habitual_in(critical, it, clients))
        }))
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
        if let Some(critical) = &other.critical {
            self.critical.get_or_insert_default().merge(critical);
        }
    }

    /// Drops the indicators that are furthest from being habitual, so that at most `wanted` remain.
    pub(super) fn trim(&mut self, wanted: usize, quorum: &Quorum) {
        let mut indicators = std::mem::take(&mut self.indicators);
        let strength =
            |it: &Indicator| (quorum.is_habitual(self, it), it.sources.estimate(), it.windows.count());
        indicator::trim(&mut indicators, wanted, strength);
        self.indicators = indicators;
    }

    /// The same of what critical requests had.
    pub(super) fn trim_critical(&mut self, wanted: usize) {
        if let Some(critical) = &mut self.critical {
            critical.trim(wanted);
        }
    }

    /// How many indicators are kept of critical requests.
    pub(super) fn critical_indicators(&self) -> usize {
        self.critical.as_ref().map_or(0, |critical| critical.indicators.len())
    }

    /// Memory that it takes (bytes).
    #[must_use]
    pub fn bytes(&self) -> usize {
        let critical = self.critical.as_ref().map_or(0, |critical| critical.bytes());
        size_of::<Self>() + self.indicators.capacity() * size_of::<Indicator>() + critical
    }
}

fn increment(count: &mut u32) {
    *count = count.saturating_add(1);
}
