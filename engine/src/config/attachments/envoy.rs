//! Endpoints that Envoy asks.

use super::{check_token, gateways};
use crate::config::listener::{Listener, Peers, endpoint, peers};
use crate::config::quantity::size_at;
use crate::config::spec::EnvoySpec;
use crate::config::{At, Clients, token};
use crate::tls::NamedFile;

/// An endpoint that Envoy asks over gRPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envoy {
    /// Where it is asked, how much, and who the client is where Envoy says that in a header.
    pub listener: Listener,
    /// Who the client is where Envoy says who connected to it.
    pub proxies: Clients,
    /// Who asks.
    pub gateways: Peers,
    /// What they must send beside that. Of a file, it is read when a snapshot is built.
    pub token: Option<String>,
    /// The file it is in.
    pub token_file: Option<NamedFile>,
    /// Whether bodies come with `ext_authz`.
    pub bodies: bool,
    /// The largest message (bytes).
    pub message_bytes_max: usize,
}

pub(super) fn check(spec: &EnvoySpec, at: &At<'_>) -> Option<Envoy> {
    let gateways = gateways(spec.gateways.as_ref(), at);
    let trusted = peers(&spec.trusted_proxies, &at.key("trusted_proxies"));
    let mut believed = trusted.clone();
    believed.networks.extend(&gateways.networks);
    believed.unix |= gateways.unix;
    check_token(spec.token.as_deref(), at);
    let most = &at.key("limits").key("message_bytes_max");
    let message_bytes_max =
        size_at(spec.limits.message_bytes_max.as_ref(), MESSAGE_BYTES_MAX, MESSAGE_BYTES_LEAST, most);
    if message_bytes_max > MESSAGE_BYTES_MOST {
        most.error("out-of-range", "a message may have 256MiB at most").label("too large").report();
    }
    let limits = spec.limits.of_listener();
    Some(Envoy {
        listener: endpoint(&spec.address, &limits, Clients::trusting(&believed, FORWARDED_FOR), at)?,
        proxies: Clients::trusting(&trusted, FORWARDED_FOR),
        gateways,
        token: spec.token.clone(),
        token_file: token::file(spec.token.as_deref(), spec.token_file.as_deref(), at),
        bodies: spec.bodies,
        message_bytes_max: usize::try_from(message_bytes_max).unwrap_or(usize::MAX),
    })
}

/// The header in which Envoy says who the client is.
const FORWARDED_FOR: &str = "x-forwarded-for";
const MESSAGE_BYTES_MAX: u64 = 8 << 20;
/// What the largest head and a piece of a body need (bytes).
const MESSAGE_BYTES_LEAST: u64 = 1 << 20;
const MESSAGE_BYTES_MOST: u64 = 256 << 20;
