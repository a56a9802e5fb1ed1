//! Who the client is, and what applications are told of it.

use schemars::JsonSchema;
use serde::Deserialize;

/// What is done about W3C Trace Context (`traceparent`, `tracestate`). What is valid goes on as it came, what is not is dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TraceContext {
    /// Nothing more.
    #[default]
    Pass,
    /// A request without a valid one begins a trace.
    Start,
}

/// What an upstream's servers are told about the client, the same in every mode. Of what the request itself claims, only what a
/// trusted proxy says is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Forwarded {
    /// Who connected is added behind whatever `X-Forwarded-For` and `Forwarded` there are, as every proxy does; an application
    /// has to count from the right.
    #[default]
    Append,
    /// What an untrusted client claims is removed first, so that all of the chain is true.
    Replace,
    /// Nothing: the request's headers go on as they came.
    Off,
}

/// A header that tells an upstream's servers about the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// The client and the proxies that the request came by.
    XForwardedFor,
    /// `http` or `https`, as the client speaks it.
    XForwardedProto,
    /// The host that the client asked for.
    XForwardedHost,
    /// The port that the client connected to.
    XForwardedPort,
    /// The client's address.
    XRealIp,
    /// The request's id.
    XRequestId,
    /// All of it in one header (RFC 7239).
    Forwarded,
}
