//! How much clients may ask of a listener.

use std::time::Duration;

use crate::config::At;
use crate::config::quantity::{duration_at, size_at};
use crate::config::spec::ListenerLimitsSpec;

/// How much clients may ask of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerLimits {
    /// Connections at once (count).
    pub connections_max: usize,
    /// Connections of one client at once (count).
    pub connections_per_client_max: Option<usize>,
    /// How long the PROXY protocol header and the TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long a request's head may take.
    pub head_timeout: Duration,
    /// How many bytes it may have.
    pub head_bytes_max: usize,
    /// How long a client may send or take nothing.
    pub stall_timeout: Duration,
    /// Bytes a second of a body that a client must send; 0 for no bound.
    pub rate_min: u64,
    /// How long a client may be slower.
    pub rate_grace: Duration,
    /// How long a connection may be idle.
    pub keepalive_timeout: Duration,
    /// How many requests a connection may carry.
    pub keepalive_requests_max: Option<u32>,
    /// How long a request may take.
    pub request_timeout: Option<Duration>,
    /// How many requests an HTTP/2 connection may carry at once.
    pub streams_max: u32,
    /// How many requests there may be at once over all connections (count).
    pub requests_max: usize,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            connections_max: 16_384,
            connections_per_client_max: None,
            handshake_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
            head_bytes_max: 64 << 10,
            stall_timeout: Duration::from_secs(60),
            rate_min: 240,
            rate_grace: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(60),
            keepalive_requests_max: None,
            request_timeout: None,
            streams_max: 100,
            requests_max: 16_384,
        }
    }
}

pub(super) fn check(spec: &ListenerLimitsSpec, at: &At<'_>) -> ListenerLimits {
    let standard = ListenerLimits::default();
    let time =
        |text: &Option<String>, key: &str, default| duration_at(text.as_deref(), default, &at.key(key));
    let head_bytes_max = size_at(
        spec.head_bytes_max.as_ref(),
        standard.head_bytes_max as u64,
        HEAD_BYTES_LEAST,
        &at.key("head_bytes_max"),
    );
    if head_bytes_max > HEAD_BYTES_MOST {
        at.key("head_bytes_max")
            .error("out-of-range", "a head may have 512KiB at most")
            .label("too large")
            .report();
    }
    let request_timeout = spec
        .request_timeout
        .as_ref()
        .map(|text| duration_at(Some(text), Duration::from_secs(1), &at.key("request_timeout")));
    let connections_max = spec.connections_max.map_or(standard.connections_max, |count| count as usize);
    ListenerLimits {
        connections_max,
        connections_per_client_max: spec.connections_per_client_max.map(|count| count as usize),
        handshake_timeout: time(&spec.handshake_timeout, "handshake_timeout", standard.handshake_timeout),
        head_timeout: time(&spec.head_timeout, "head_timeout", standard.head_timeout),
        head_bytes_max: usize::try_from(head_bytes_max).unwrap_or(standard.head_bytes_max),
        stall_timeout: time(&spec.stall_timeout, "stall_timeout", standard.stall_timeout),
        rate_min: size_at(spec.rate_min.as_ref(), standard.rate_min, 0, &at.key("rate_min")),
        rate_grace: time(&spec.rate_grace, "rate_grace", standard.rate_grace),
        keepalive_timeout: time(&spec.keepalive_timeout, "keepalive_timeout", standard.keepalive_timeout),
        keepalive_requests_max: spec.keepalive_requests_max,
        request_timeout,
        streams_max: spec.streams_max.unwrap_or(standard.streams_max),
        requests_max: spec.requests_max.map_or(connections_max, |count| count as usize),
    }
}

/// What a request with a few headers needs (bytes).
const HEAD_BYTES_LEAST: u64 = 1 << 10;
/// Half of what Pingora reads (bytes).
const HEAD_BYTES_MOST: u64 = 512 << 10;
