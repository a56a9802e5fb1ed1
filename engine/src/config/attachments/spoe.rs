//! An endpoint that HAProxy asks.

use super::gateways;
use crate::config::listener::{Listener, Peers, endpoint};
use crate::config::quantity::size_at;
use crate::config::spec::{ListenerLimitsSpec, SpoeSpec};
use crate::config::{At, clients};

/// An endpoint that HAProxy asks about each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoe {
    /// Where it is asked, how much, and who the client is.
    pub listener: Listener,
    /// Who may ask.
    pub gateways: Peers,
    /// How many bytes a frame may have.
    pub frame_bytes_max: usize,
    /// How many requests may be asked about at once (count).
    pub requests_max: usize,
}

pub(super) fn check(spec: &SpoeSpec, at: &At<'_>) -> Option<Spoe> {
    let gateways = gateways(spec.gateways.as_ref(), at);
    let clients = clients::believed(&spec.trusted_proxies, spec.client_address.as_deref(), at);
    let (limits, limits_at) = (&spec.limits, at.key("limits"));
    let frame_at = limits_at.key("frame_bytes_max");
    let frame_bytes = size_at(limits.frame_bytes_max.as_ref(), FRAME_BYTES, FRAME_BYTES_LEAST, &frame_at);
    if frame_bytes > FRAME_BYTES_MOST {
        frame_at.error("out-of-range", "a frame may have 16MiB at most").label("too large").report();
    }
    let of_listener = ListenerLimitsSpec {
        connections_max: limits.connections_max,
        handshake_timeout: limits.handshake_timeout.clone(),
        stall_timeout: limits.stall_timeout.clone(),
        keepalive_timeout: limits.keepalive_timeout.clone(),
        streams_max: limits.streams_max,
        ..ListenerLimitsSpec::default()
    };
    Some(Spoe {
        listener: endpoint(&spec.address, &of_listener, clients, at)?,
        gateways,
        frame_bytes_max: usize::try_from(frame_bytes.min(FRAME_BYTES_MOST)).unwrap_or(usize::MAX),
        requests_max: limits.requests_max.unwrap_or(REQUESTS) as usize,
    })
}

/// What SPOP wants of everybody (bytes; SPOE.txt, section 3.2).
const FRAME_BYTES_LEAST: u64 = 256;
const FRAME_BYTES: u64 = 1 << 20;
const FRAME_BYTES_MOST: u64 = 16 << 20;
const REQUESTS: u32 = 1_000;
