//! What the proxy itself is told: where it listens, what is behind it, what it writes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Everything of a configuration that is not about judging.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where requests are accepted.
    pub listeners: Vec<Listener>,
    /// The applications behind, by name.
    pub upstreams: BTreeMap<String, Upstream>,
    /// The listener for metrics and health.
    pub admin: Option<Admin>,
    /// Where decision records go, and which.
    pub decisions: Decisions,
}

/// Where requests are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Address and port.
    pub address: SocketAddr,
    /// Whether HTTP/2 without TLS is accepted beside HTTP/1.1.
    pub h2c: bool,
}

/// An application behind the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its servers, `host:port` each.
    pub servers: Vec<String>,
    /// Whether its servers speak HTTP/2 without TLS, by prior knowledge.
    pub h2c: bool,
    /// Whether `X-Forwarded-*` and `X-Request-Id` are appended to requests. This is a proxy's business and
    /// not the firewall's, so it does not depend on the policy's mode.
    pub forwarded: bool,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a server may be silent.
    pub read_timeout: Duration,
    /// How long a server may take no bytes.
    pub write_timeout: Duration,
    /// How servers are found healthy; none when absent.
    pub health_check: Option<HealthCheck>,
}

impl Upstream {
    /// An upstream with default timeouts and no health check.
    #[must_use]
    pub fn new(servers: Vec<String>) -> Self {
        Self {
            servers,
            h2c: false,
            forwarded: true,
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(60),
            health_check: None,
        }
    }
}

/// How servers are found healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// A path that answers 200 to GET; when absent, an accepted connection is enough.
    pub path: Option<String>,
    /// Time between checks.
    pub interval: Duration,
    /// How long a check may take.
    pub timeout: Duration,
    /// Failed checks in a row until a server gets no more requests.
    pub unhealthy_after: usize,
    /// Passed checks in a row until it gets requests again.
    pub healthy_after: usize,
}

/// The listener for metrics and health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Address and port.
    pub address: SocketAddr,
    /// What callers must send as `Authorization: Bearer TOKEN`; required off loopback.
    pub token: Option<String>,
}

/// Where decision records go, and which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// Where they go.
    pub to: Destination,
    /// Which are written.
    pub only: Only,
}

/// Where decision records go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Destination {
    /// Appended to a file, which is opened anew on a reload.
    File(PathBuf),
    /// Nowhere.
    None,
    /// Standard output.
    #[default]
    Stdout,
}

/// Which decision records are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Only {
    /// All of them.
    All,
    /// Those of transactions that were stopped.
    Blocked,
    /// Those found hostile, stopped or not, and those not inspected whole.
    #[default]
    Hostile,
}
