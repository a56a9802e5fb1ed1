//! How much must be seen of something before it is believed.

use super::{Indicator, Parameter};

/// What an indicator needs to be habitual.
///
/// A few clients must not teach a site anything: an indicator needs several sources, in several windows of
/// time. What appears late in a parameter that was long without it needs longer: half as many windows as the
/// parameter was seen without it, of the 64 that are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// Requests that have it, at least.
    pub count_min: u32,
    /// Their share of the parameter's requests, at least (percent).
    pub share_min_percent: u32,
    /// Different sources of those, at least; at most 6 are told apart.
    pub sources_min: u32,
    /// Windows of time they lie in, at least.
    pub windows_min: u32,
}

impl Default for Quorum {
    fn default() -> Self {
        Self { count_min: 3, share_min_percent: 10, sources_min: 4, windows_min: 3 }
    }
}

impl Quorum {
    /// Whether values of a parameter have an indicator so often, for so long and from so many sources that
    /// it says nothing about them.
    #[must_use]
    pub fn is_habitual(&self, parameter: &Parameter, indicator: &Indicator) -> bool {
        let share = u64::from(indicator.count) * 100;
        indicator.count >= self.count_min
            && share >= u64::from(parameter.count) * u64::from(self.share_min_percent)
            && indicator.sources.estimate() >= self.sources_min
            && indicator.windows.count() >= self.windows_wanted(parameter, indicator)
    }

    /// Windows that an indicator must be seen in.
    #[must_use]
    pub fn windows_wanted(&self, parameter: &Parameter, indicator: &Indicator) -> u32 {
        self.windows_min.max(parameter.windows.count_before(indicator.windows.first()) / 2)
    }

    /// Whether a parameter is known well enough to say that it never has anything but plain values. A few
    /// clients cannot make it otherwise.
    #[must_use]
    pub fn is_always_plain(&self, parameter: &Parameter) -> bool {
        let rich = parameter.count.saturating_sub(parameter.plain);
        parameter.count >= PLAIN_COUNT_MIN
            && parameter.sources.estimate() >= self.sources_min
            && parameter.windows.count() >= self.windows_min
            && (parameter.rich_sources.estimate() < self.sources_min
                || u64::from(rich) * 100 < u64::from(parameter.count))
    }

    /// Whether a parameter is known from enough sources and windows that others must not displace it.
    #[must_use]
    pub fn is_established(&self, parameter: &Parameter) -> bool {
        parameter.sources.estimate() >= self.sources_min && parameter.windows.count() >= self.windows_min
    }
}

/// Requests from which on a parameter may be called always plain.
const PLAIN_COUNT_MIN: u32 = 10;
