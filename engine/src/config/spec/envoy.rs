//! Endpoints that Envoy asks, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::ListenerLimitsSpec;
use crate::policy::spec::SizeSpec;

/// An endpoint that Envoy asks over gRPC without TLS. Both of its services are there, as each call names the one it wants:
/// `envoy.service.ext_proc.v3.ExternalProcessor` and `envoy.service.auth.v3.Authorization`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvoySpec {
    /// Address and port, the path of a socket (`unix:/run/portcullis/envoy.sock`), or a socket that systemd passes
    /// (`socket:envoy`). Only Envoy should reach it.
    pub address: String,
    /// Who may ask: networks (`10.0.0.0/8`), addresses, and `unix` for whoever connects over a unix socket. They are believed
    /// in everything they say of a request. Default: `[127.0.0.0/8, "::1", unix]`.
    pub gateways: Option<Vec<String>>,
    /// What they must send beside that, as metadata `x-portcullis-token` of each call (`initial_metadata` of Envoy's
    /// `grpc_service`). Nothing when absent. Letters, digits, `-` and `_`, 16 of them at least.
    pub token: Option<String>,
    /// The file that has the token instead, relative to the configuration's directory. A changed file is loaded at once.
    pub token_file: Option<String>,
    /// The proxies before Envoy that are believed of who the client is. Default: nobody; the client is who connected to Envoy.
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    /// Whether Envoy sends the bodies of requests with `ext_authz` (`with_request_body`). Where it does not, a request that
    /// should have one counts as not inspected whole (`body-unseen`). Default: false. `ext_proc` says it of each request.
    #[serde(default)]
    pub bodies: bool,
    /// How much Envoy may ask.
    #[serde(default)]
    pub limits: EnvoyLimitsSpec,
}

/// How much Envoy may ask. How fast clients must be, and how long a request may take, is for Envoy to say.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvoyLimitsSpec {
    /// Connections at once (count); more wait to be accepted. Each thread of an Envoy has one or more. Default 16384.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_max: Option<u32>,
    /// How many requests may be before us at once by one connection (count); for more Envoy opens others. Default 100.
    #[schemars(range(min = 1, max = 10_000))]
    pub streams_max: Option<u32>,
    /// How many requests may be before us at once over all connections (count). One more is shed: Envoy is told at once that nobody
    /// looks at it (`RESOURCE_EXHAUSTED`), and does what it does without an answer (`failure_mode_allow`). Default: as many as
    /// `connections_max`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_max: Option<u32>,
    /// How many bytes the head of a request may have. Default `64KiB`.
    pub head_bytes_max: Option<SizeSpec>,
    /// The largest message that is taken. In mode `BUFFERED`, and with `ext_authz`, one message is a whole body, so this is to be
    /// larger than what Envoy buffers. Default `8MiB`.
    pub message_bytes_max: Option<SizeSpec>,
    /// How long nothing may come of a body in full duplex while its request waits for the verdict. What has not come then counts
    /// as cut off (`body-cut`). Default `60s`.
    pub stall_timeout: Option<String>,
}

impl EnvoyLimitsSpec {
    /// Those that other listeners have as well.
    pub(crate) fn of_listener(&self) -> ListenerLimitsSpec {
        ListenerLimitsSpec {
            connections_max: self.connections_max,
            streams_max: self.streams_max,
            requests_max: self.requests_max,
            head_bytes_max: self.head_bytes_max.clone(),
            stall_timeout: self.stall_timeout.clone(),
            ..ListenerLimitsSpec::default()
        }
    }
}
