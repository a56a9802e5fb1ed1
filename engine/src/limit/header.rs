//! The header fields that tell a client how it stands (draft-ietf-httpapi-ratelimit-headers-10).

use std::fmt::Write;
use std::sync::Arc;

use transaction::Rates;

use super::RateLimit;

/// `RateLimit-Policy` and `RateLimit`: of each limit how many may come at once and how long it takes until these are
/// there again, how many may still come, and after how long one more. Seconds, rounded up: who keeps to them is never one
/// too many. `None` where no limit holds.
pub(crate) fn fields(limits: &[Arc<RateLimit>], rates: &Rates) -> Option<(String, String)> {
    let (mut policy, mut standing) = (String::new(), String::new());
    for limit in limits {
        let Some(rate) = rates.of(&limit.name) else { continue };
        let comma = if policy.is_empty() { "" } else { ", " };
        // Names have no character that would have to be escaped.
        let name = &limit.name;
        let window = seconds(limit.quota.window().as_nanos(), 1_000_000_000).max(1);
        let _ = write!(policy, "{comma}\"{name}\";q={};w={window}", limit.quota.burst);
        let wait = seconds(rate.wait_us.into(), 1_000_000);
        let _ = write!(standing, "{comma}\"{name}\";r={};t={wait}", rate.remaining);
    }
    (!policy.is_empty()).then_some((policy, standing))
}

/// Whole seconds, rounded up.
pub(super) fn seconds(time: u128, of_a_second: u128) -> u128 {
    time.div_ceil(of_a_second)
}
