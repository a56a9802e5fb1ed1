//! What was counted of one parameter's values in requests that the model calls critical.

use super::Distinct;
use super::Windows;
use super::indicator::{self, Indicator};
use super::parameter::{SOURCES, Value};

/// What was counted of one parameter in requests that the model calls critical without any profile, where it doubts this parameter. It
/// is kept apart, and believed only where it is what clients of good conduct mostly send ([`super::Quorum::trusts`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Critical {
    /// Such requests.
    pub count: u32,
    /// Who sent them.
    pub sources: Distinct<SOURCES>,
    /// When.
    pub windows: Windows,
    /// What was suspicious in the values, in the order of numbers.
    pub indicators: Vec<Indicator>,
}

impl Critical {
    /// One more request; says how many of its indicators are new.
    pub(super) fn add(&mut self, seen: &Value, source: u32, window: u32) -> usize {
        self.count = self.count.saturating_add(1);
        self.sources.add(source);
        self.windows.add(window);
        indicator::add(&mut self.indicators, &seen.indicators, source, window)
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.sources.merge(&other.sources);
        self.windows.merge(&other.windows);
        self.indicators = indicator::merged(&self.indicators, &other.indicators);
    }

    /// Drops the indicators that fewest clients and windows have, so that at most `wanted` remain.
    pub(super) fn trim(&mut self, wanted: usize) {
        let strength = |it: &Indicator| (it.sources.estimate(), it.windows.count());
        indicator::trim(&mut self.indicators, wanted, strength);
    }

    /// Memory that it takes (bytes).
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.indicators.capacity() * size_of::<Indicator>()
    }
}
