//! The applications behind the proxy.

mod balance;
mod health;
mod host;
mod outlier;
mod retries;
mod server;
mod status;
mod tls;

use std::collections::BTreeMap;
use std::time::Duration;

use super::quantity::duration_at;
use super::{At, Forwarded, ForwardedHeader, UpstreamProtocol, UpstreamSpec};
pub use balance::{Balance, HashKey};
pub use health::{HealthCheck, Probe};
pub use host::UpstreamHost;
pub use outlier::Outlier;
pub use retries::{Retries, RetryOn};
pub use server::{Server, ServerAddress};
pub use status::Statuses;
pub use tls::UpstreamTls;

/// An application behind the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its servers. Never empty.
    pub servers: Vec<Server>,
    /// What they speak.
    pub protocol: UpstreamProtocol,
    /// TLS to them, if there is any.
    pub tls: Option<UpstreamTls>,
    /// The Host they get.
    pub host: UpstreamHost,
    /// What they are told about the client.
    pub forwarded: Forwarded,
    /// The headers that tell it.
    pub forwarded_headers: Vec<ForwardedHeader>,
    /// Which of them gets the next request.
    pub balance: Balance,
    /// How long one that comes or comes back takes to get its whole share.
    pub slow_start: Option<Duration>,
    /// When one gets no requests for a while.
    pub outlier: Option<Outlier>,
    /// When a request is sent to another.
    pub retries: Retries,
    /// How long an exchange may take.
    pub timeout: Option<Duration>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a server may be silent.
    pub read_timeout: Duration,
    /// How long a server may take no bytes.
    pub write_timeout: Duration,
    /// How long a connection that is not in use is kept.
    pub idle_timeout: Duration,
    /// How servers are found healthy.
    pub health_check: Option<HealthCheck>,
}

pub(super) fn check_all(specs: &BTreeMap<String, UpstreamSpec>, at: &At<'_>) -> BTreeMap<String, Upstream> {
    specs.iter().map(|(name, spec)| (name.clone(), check(name, spec, &at.key(name)))).collect()
}

fn check(name: &str, spec: &UpstreamSpec, at: &At<'_>) -> Upstream {
    let time = |text: &Option<String>, key: &str, default: u64| {
        duration_at(text.as_deref(), Duration::from_secs(default), &at.key(key))
    };
    let optional = |text: &Option<String>, key: &str| text.as_ref().map(|_| time(text, key, 1));
    let servers = server::check_all(&spec.servers, &at.key("servers"));
    let tls = spec.tls.as_ref().and_then(|tls| tls::check(tls, name, &servers, &at.key("tls")));
    protocol(spec.protocol, tls.is_some(), at);
    Upstream {
        protocol: spec.protocol,
        host: host::check(spec.host.as_deref(), &servers, &at.key("host")),
        forwarded: spec.forwarded,
        forwarded_headers: spec.forwarded_headers.clone().unwrap_or_else(|| FORWARDED_HEADERS.to_vec()),
        balance: balance::check(spec.balance.as_ref(), &at.key("balance")),
        slow_start: optional(&spec.slow_start, "slow_start"),
        outlier: outlier::check(spec.outlier.as_ref(), &at.key("outlier")),
        retries: retries::check(&spec.retries, &at.key("retries")),
        timeout: optional(&spec.timeout, "timeout"),
        connect_timeout: time(&spec.connect_timeout, "connect_timeout", 5),
        read_timeout: time(&spec.read_timeout, "read_timeout", 60),
        write_timeout: time(&spec.write_timeout, "write_timeout", 60),
        idle_timeout: time(&spec.idle_timeout, "idle_timeout", 60),
        health_check: spec.health_check.as_ref().map(|check| health::check(check, &at.key("health_check"))),
        servers,
        tls,
    }
}

/// Which protocols are spoken over TLS, and which without.
fn protocol(protocol: UpstreamProtocol, has_tls: bool, at: &At<'_>) {
    let (title, help) = match (protocol, has_tls) {
        (UpstreamProtocol::H2c, true) => {
            ("`h2c` is HTTP/2 without TLS, and this upstream has `tls`", "write `http2`")
        }
        (UpstreamProtocol::Http2, false) => {
            ("`http2` is HTTP/2 over TLS, and this upstream has no `tls`", "write `tls: true`, or `h2c`")
        }
        (UpstreamProtocol::Auto, false) => (
            "the protocol is found out by TLS (ALPN), and this upstream has no `tls`",
            "write `tls: true`, or `http1` or `h2c`",
        ),
        _ => return,
    };
    at.key("protocol").error("contradiction", title).label("not possible").help(help.to_owned()).report();
}

/// The headers that tell of the client, unless others are set.
const FORWARDED_HEADERS: [ForwardedHeader; 4] = [
    ForwardedHeader::XForwardedFor,
    ForwardedHeader::XForwardedProto,
    ForwardedHeader::XForwardedHost,
    ForwardedHeader::XRequestId,
];
