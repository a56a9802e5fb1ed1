//! An endpoint that HAProxy asks, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::policy::spec::SizeSpec;

/// An endpoint that HAProxy asks about each request, over its Stream Processing Offload Protocol. docs/attach/haproxy.md has
/// HAProxy's side of it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpoeSpec {
    /// Address and port, the path of a socket (`unix:/run/portcullis/spoe.sock`), or a socket that systemd passes
    /// (`socket:spoe`). Only HAProxy should reach it.
    pub address: String,
    /// Who may ask: networks (`10.0.0.0/8`), addresses, and `unix` for whoever connects over a unix socket. They are believed
    /// in everything they say of a request. Default: `[127.0.0.0/8, "::1", unix]`.
    pub gateways: Option<Vec<String>>,
    /// The proxies before HAProxy that are believed of who the client is. Default: nobody; the client is who connected to
    /// HAProxy (its `src`).
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    /// The header in which they say it, as of a listener. Default `x-forwarded-for`.
    pub client_address: Option<String>,
    /// How much HAProxy may ask.
    #[serde(default)]
    pub limits: SpoeLimitsSpec,
}

/// How much a HAProxy may ask.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpoeLimitsSpec {
    /// Connections at once (count); more wait to be accepted. Default 16384.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_max: Option<u32>,
    /// How long HAProxy may take to introduce itself. Default `10s`.
    pub handshake_timeout: Option<String>,
    /// How long a frame that began may not go on, or HAProxy take nothing of an answer. Default `60s`.
    pub stall_timeout: Option<String>,
    /// How long a connection may be idle; longer than HAProxy's `timeout idle`, so that it is HAProxy that closes. Default `60s`.
    pub keepalive_timeout: Option<String>,
    /// How many bytes a frame may have, and what is told in several of them; HAProxy has `tune.bufsize` less 4. Default `1MiB`.
    pub frame_bytes_max: Option<SizeSpec>,
    /// How many requests a connection may ask about at once (count); more are shed. Default 100; HAProxy has 20.
    #[schemars(range(min = 1, max = 10_000))]
    pub streams_max: Option<u32>,
    /// How many requests may be asked about at once over all connections (count); more are shed: HAProxy is told at once that
    /// nobody looked, and they count as `shed`. Default 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_max: Option<u32>,
}
