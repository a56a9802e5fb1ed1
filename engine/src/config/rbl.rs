//! How lists in the DNS are asked of clients' addresses.

use std::net::SocketAddr;
use std::time::Duration;

use super::quantity::{address_at, duration_at};
use super::{At, RblSpec};

/// How lists in the DNS are asked of clients' addresses (`@rbl`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rbl {
    /// The name servers; those of the system when empty.
    pub name_servers: Vec<SocketAddr>,
    /// How long a request waits for answers.
    pub timeout: Duration,
    /// Questions that may be under way at once (count).
    pub lookups_max: usize,
    /// Answers kept (count).
    pub entries_max: usize,
    /// How long an answer is kept at least.
    pub ttl_min: Duration,
    /// How long it is kept at most.
    pub ttl_max: Duration,
}

pub(super) fn check(spec: &RblSpec, at: &At<'_>) -> Rbl {
    let timeout = duration_at(spec.timeout.as_deref(), TIMEOUT, &at.key("timeout"));
    if timeout > TIMEOUT_MAX {
        let found = spec.timeout.as_deref().unwrap_or_default();
        at.key("timeout")
            .error("out-of-range", format!("expected 10s at most, found `{found}`"))
            .label("too long for a request to wait")
            .report();
    }
    let ttl_min = duration_at(spec.ttl_min.as_deref(), TTL_MIN, &at.key("ttl_min"));
    let ttl_max = duration_at(spec.ttl_max.as_deref(), TTL_MAX.max(ttl_min), &at.key("ttl_max"));
    if ttl_min > ttl_max {
        at.key("ttl_max")
            .error("contradiction", "`ttl_max` is less than `ttl_min`")
            .label(format!("less than {} s", ttl_min.as_secs()))
            .report();
    }
    Rbl {
        name_servers: name_servers(spec, &at.key("name_servers")),
        timeout,
        lookups_max: spec.lookups_max.map_or(LOOKUPS_MAX, |count| count as usize),
        entries_max: spec.entries_max.map_or(ENTRIES_MAX, |count| count as usize),
        ttl_min,
        ttl_max,
    }
}

fn name_servers(spec: &RblSpec, at: &At<'_>) -> Vec<SocketAddr> {
    let Some(texts) = &spec.name_servers else { return Vec::new() };
    if texts.is_empty() {
        at.error("empty-list", "expected at least one name server, found none")
            .label("nobody to ask")
            .help("leave `name_servers` out to ask those of the system".to_owned())
            .report();
    }
    texts.iter().enumerate().filter_map(|(index, text)| address_at(text, &at.item(index))).collect()
}

/// How long a request waits, unless another time is set: the answer of a name server that has to ask others.
const TIMEOUT: Duration = Duration::from_millis(500);
/// How long it may be set to wait.
const TIMEOUT_MAX: Duration = Duration::from_secs(10);
/// Questions under way at once, unless another number is set (count).
const LOOKUPS_MAX: usize = 256;
/// Answers kept, unless another number is set (count).
const ENTRIES_MAX: usize = 100_000;
/// How long an answer is kept at least, unless another time is set.
const TTL_MIN: Duration = Duration::from_secs(60);
/// How long it is kept at most, unless another time is set.
const TTL_MAX: Duration = Duration::from_secs(3_600);
