//! When a server gets no requests for a while.

use std::time::Duration;

use super::Statuses;
use crate::config::At;
use crate::config::quantity::duration_at;
use crate::config::spec::{OutlierSettingsSpec, OutlierSpec};

/// When a server gets no requests for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlier {
    /// Failures in a row.
    pub consecutive_failures: u32,
    /// How long it gets none the first time.
    pub ejection: Duration,
    /// How many of the servers may be out at once (percent, rounded down).
    pub ejected_percent_max: u32,
    /// Answers that count as failures.
    pub statuses: Statuses,
}

pub(super) fn check(spec: Option<&OutlierSpec>, at: &At<'_>) -> Option<Outlier> {
    let defaults = OutlierSettingsSpec::default();
    let spec = match spec {
        Some(OutlierSpec::On(false)) => return None,
        None | Some(OutlierSpec::On(true)) => &defaults,
        Some(OutlierSpec::Settings(settings)) => settings,
    };
    Some(Outlier {
        consecutive_failures: spec.consecutive_failures.unwrap_or(5),
        ejection: duration_at(spec.ejection.as_deref(), Duration::from_secs(30), &at.key("ejection")),
        ejected_percent_max: spec.ejected_percent_max.unwrap_or(50),
        statuses: Statuses::check(&spec.statuses, &at.key("statuses")),
    })
}
