//! How much must be seen of something before it is believed.

use super::parameter::SOURCES;
use super::{Clients, Critical, Indicator, Parameter};

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

    /// Whether what the model calls critical is what a parameter usually has: it takes twice of everything, from clients that use the site
    /// as others do, and most requests that have the parameter. So whoever wants to teach an attack has to send more of it than the site's
    /// own visitors send of anything else in that parameter, from many clients each of which also uses the site, for half a day.
    #[must_use]
    pub fn trusts(&self, parameter: &Parameter, critical: &Critical, clients: &Clients) -> bool {
        let late = parameter.windows.count_before(critical.windows.first()) / 2;
        critical.count >= CRITICAL_COUNT_MIN
            && u64::from(critical.count) * 2 >= u64::from(parameter.all())
            && critical.windows.count() >= late.max(self.windows_min.saturating_mul(2))
            && clients.good(critical.sources.hashes()) >= self.critical_sources_min()
    }

    /// Whether what is critical in a parameter, if that is [trusted](Quorum::trusts), habitually has an indicator.
    #[must_use]
    pub fn is_habitual_in(&self, critical: &Critical, indicator: &Indicator, clients: &Clients) -> bool {
        let share = u64::from(indicator.count) * 100;
        indicator.count >= self.count_min
            && share >= u64::from(critical.count) * u64::from(self.share_min_percent)
            && indicator.windows.count() >= self.windows_min
            && clients.good(indicator.sources.hashes()) >= self.sources_min
    }

    fn critical_sources_min(&self) -> u32 {
        self.sources_min.saturating_mul(2).min(SOURCES as u32)
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
        let is_so = |sources: u32, windows: u32| sources >= self.sources_min && windows >= self.windows_min;
        is_so(parameter.sources.estimate(), parameter.windows.count())
            || parameter
                .critical
                .as_ref()
                .is_some_and(|it| is_so(it.sources.estimate() / 2, it.windows.count() / 2))
    }
}

/// Critical requests that have a parameter, from which on they may be what it usually has.
const CRITICAL_COUNT_MIN: u32 = 10;
/// Requests from which on a parameter may be called always plain.
const PLAIN_COUNT_MIN: u32 = 10;
