//! The applications behind the proxy, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Forwarded, ForwardedHeader};

/// An application behind the proxy.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamSpec {
    /// Its servers. Names are resolved again every 30 seconds; each of their addresses is a server.
    #[schemars(length(min = 1))]
    pub servers: Vec<ServerSpec>,
    /// What its servers speak. Default `http1`.
    #[serde(default)]
    pub protocol: UpstreamProtocol,
    /// TLS to the servers: `true`, or settings. Default false.
    pub tls: Option<UpstreamTlsSpec>,
    /// The Host that servers get: `keep` (as the client sent it), `server-name` (the server's host and port, as written under
    /// `servers`) or a host of one's own. Default `keep`.
    pub host: Option<String>,
    /// What its servers are told about the client, the same in every mode. Default `append`.
    #[serde(default)]
    pub forwarded: Forwarded,
    /// The headers that tell it; the others of them are removed where an untrusted client sends them. Default
    /// `[x-forwarded-for, x-forwarded-proto, x-forwarded-host, x-request-id]`.
    pub forwarded_headers: Option<Vec<ForwardedHeader>>,
    /// Which server gets the next request: `round-robin`, `least-requests` or `hash: …`. Default `round-robin`.
    pub balance: Option<BalanceSpec>,
    /// How long a server that comes or comes back takes to get its whole share of requests. At once when absent.
    pub slow_start: Option<String>,
    /// When a server gets no requests for a while because those before failed; `false`: never. Default: the defaults of its
    /// settings.
    pub outlier: Option<OutlierSpec>,
    /// When a request is sent to another server.
    #[serde(default)]
    pub retries: RetriesSpec,
    /// How long an exchange may take from the first try to the last byte of the answer; what is over it is noticed at the next byte,
    /// or at the next timeout. Connections that were upgraded (WebSocket) have no such limit. No limit when absent.
    pub timeout: Option<String>,
    /// How long a connection may take, the handshake of TLS included. Default `5s`.
    pub connect_timeout: Option<String>,
    /// How long a server may be silent. Default `60s`.
    pub read_timeout: Option<String>,
    /// How long a server may take no bytes. Default `60s`.
    pub write_timeout: Option<String>,
    /// How long a connection that is not in use is kept. Default `60s`.
    pub idle_timeout: Option<String>,
    /// How servers are found healthy; none when absent.
    pub health_check: Option<HealthCheckSpec>,
}

/// A server, by its address or with a weight.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ServerSpec {
    /// `host:port`, or `unix:` and the path of a socket.
    Address(String),
    /// An address with a weight.
    Weighted(WeightedServerSpec),
}

/// A server with a weight.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedServerSpec {
    /// `host:port`, or `unix:` and the path of a socket.
    pub address: String,
    /// Its share of the requests, in relation to the other weights. Each address of a name has it. Default 1.
    #[schemars(range(min = 1, max = 100))]
    pub weight: Option<u32>,
}

/// What an upstream's servers speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UpstreamProtocol {
    /// HTTP/1.1, over TLS or not.
    #[default]
    Http1,
    /// HTTP/2 without TLS, by prior knowledge.
    H2c,
    /// HTTP/2 over TLS. WebSockets do not pass.
    Http2,
    /// Over TLS, HTTP/2 where the server offers it (ALPN), HTTP/1.1 otherwise and for WebSockets.
    Auto,
}

/// TLS to servers: whether, or how.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum UpstreamTlsSpec {
    /// `true`: verified with the system's authorities.
    On(bool),
    /// How.
    Settings(UpstreamTlsSettingsSpec),
}

/// How TLS is spoken with servers.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamTlsSettingsSpec {
    /// Whether a server's certificate must be of an authority that is believed, and for its name. Default true.
    pub verify: Option<bool>,
    /// The file of the authorities that are believed (PEM), relative to the configuration's directory. Default: the system's.
    pub authorities: Option<String>,
    /// The name that servers are asked for (SNI) and whose certificate they must have. Default: each server's own, as written under
    /// `servers`.
    pub server_name: Option<String>,
    /// The file of the certificate that servers are shown (PEM), with `key`; none when absent.
    pub certificate: Option<String>,
    /// The file of its private key (PEM).
    pub key: Option<String>,
}

/// Which server gets the next request.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum BalanceSpec {
    /// `round-robin`, or `least-requests`: the one with the fewest requests in flight for its weight.
    Named(String),
    /// The same server for the same key.
    Hash(HashSpec),
}

/// The same server for the same key, for as long as it is there; when a server comes or goes, only its own keys move.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HashSpec {
    /// Where the key is found: `client-address`, `cookie: NAME` or `header: NAME`. A request without one goes to servers in turn.
    pub hash: HashKeySpec,
}

/// Where a key is found.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum HashKeySpec {
    /// `client-address`: the client's address, of IPv6 the first 64 bits.
    Named(String),
    /// A field of the request.
    Field(HashFieldSpec),
}

/// A field of the request. Exactly one of `cookie` and `header`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HashFieldSpec {
    /// The name of a cookie.
    pub cookie: Option<String>,
    /// The name of a header.
    pub header: Option<String>,
}

/// When a server gets no requests for a while: never, or these settings.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OutlierSpec {
    /// `false`: never.
    On(bool),
    /// Settings.
    Settings(OutlierSettingsSpec),
}

/// When a server gets no requests for a while.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutlierSettingsSpec {
    /// Failures in a row: no connection, a connection that breaks before the answer, no answer in time. Default 5.
    #[schemars(range(min = 1, max = 1000))]
    pub consecutive_failures: Option<u32>,
    /// How long it gets no requests; when it fails again before it answered one, twice as long, then three times, up to ten
    /// times. Default `30s`.
    pub ejection: Option<String>,
    /// How many of the servers may be out at once (percent, rounded down). Default 50: of two, one; the only one never.
    #[schemars(range(min = 0, max = 100))]
    pub ejected_percent_max: Option<u32>,
    /// Answers that count as failures. Default: none, as who sends requests may be able to choose the answer.
    #[serde(default)]
    pub statuses: Vec<StatusSpec>,
}

/// When a request is sent to another server, or once more to the only one.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetriesSpec {
    /// How often a request is tried, the first time included. Default 3.
    #[schemars(range(min = 1, max = 10))]
    pub tries_max: Option<u32>,
    /// What it is tried again after: `connect` (no connection, or the server says that it did not begin: safe for every request);
    /// and for idempotent requests (GET, HEAD, OPTIONS, TRACE, PUT, DELETE) whose body is at most 64 KiB: `stale` (a kept
    /// connection turned out to be closed), `reset` (any connection broke before the answer), `timeout`, and statuses (502).
    /// Default `[connect, stale]`.
    pub on: Option<Vec<RetryOnSpec>>,
    /// How long a server may be silent on a try that could be repeated; with the last try, `read_timeout`. Default: `read_timeout`.
    pub per_try_timeout: Option<String>,
}

/// What a request is tried again after.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RetryOnSpec {
    /// A status: 429, or 500 to 599.
    Status(#[schemars(range(min = 429, max = 599))] u16),
    /// `connect`, `stale`, `reset` or `timeout`.
    Named(String),
}

/// One status or a range of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum StatusSpec {
    /// One status.
    Status(#[schemars(range(min = 100, max = 599))] u16),
    /// `FIRST-LAST`.
    Range(String),
}

/// How servers are found healthy. Exactly one of `path` and `tcp`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthCheckSpec {
    /// A path that is asked for with GET, over TLS where the upstream has it.
    pub path: Option<String>,
    /// The Host of that request. Default: what `host` says, and the server's host and port where that is `keep`.
    pub host: Option<String>,
    /// The answers of a healthy server. Default `[200]`.
    pub statuses: Option<Vec<StatusSpec>>,
    /// Whether an accepted connection is enough.
    pub tcp: Option<bool>,
    /// Time between checks. Default `10s`.
    pub interval: Option<String>,
    /// How long a check may take. Default `2s`.
    pub timeout: Option<String>,
    /// Failed checks in a row until a server gets no more requests. Default 3.
    #[schemars(range(min = 1, max = 1000))]
    pub unhealthy_after: Option<u32>,
    /// Passed checks in a row until it gets requests again. Default 1.
    #[schemars(range(min = 1, max = 1000))]
    pub healthy_after: Option<u32>,
}
