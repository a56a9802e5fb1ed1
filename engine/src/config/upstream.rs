//! The applications behind the proxy.

use std::collections::BTreeMap;
use std::time::Duration;

use super::quantity::duration_at;
use super::{At, Forwarded, HealthCheckSpec, UpstreamProtocol, UpstreamSpec};

/// An application behind the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its servers. Never empty.
    pub servers: Vec<Server>,
    /// What they speak.
    pub protocol: UpstreamProtocol,
    /// What they are told about the client.
    pub forwarded: Forwarded,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a server may be silent.
    pub read_timeout: Duration,
    /// How long a server may take no bytes.
    pub write_timeout: Duration,
    /// How servers are found healthy.
    pub health_check: Option<HealthCheck>,
}

/// A server of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// A name or an address; IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// How servers are found healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked of a server.
    pub probe: Probe,
    /// Time between checks.
    pub interval: Duration,
    /// How long a check may take.
    pub timeout: Duration,
    /// Failed checks in a row until a server gets no more requests.
    pub unhealthy_after: u32,
    /// Passed checks in a row until it gets requests again.
    pub healthy_after: u32,
}

/// What is asked of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// 200 to `GET path`.
    Path(String),
    /// An accepted connection.
    Tcp,
}

impl Server {
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        let host = match host.strip_prefix('[') {
            Some(rest) => {
                rest.strip_suffix(']').filter(|inside| inside.parse::<std::net::Ipv6Addr>().is_ok())?
            }
            None => host,
        };
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
        let named = !host.is_empty() && host.bytes().all(allowed);
        let ambiguous = host.contains(':') && !text.starts_with('[');
        (named && !ambiguous).then(|| Self { host: host.to_owned(), port })
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

pub(super) fn check_all(specs: &BTreeMap<String, UpstreamSpec>, at: &At<'_>) -> BTreeMap<String, Upstream> {
    specs.iter().map(|(name, spec)| (name.clone(), check(spec, &at.key(name)))).collect()
}

fn check(spec: &UpstreamSpec, at: &At<'_>) -> Upstream {
    if spec.tls == Some(true) {
        at.key("tls")
            .error("not-in-this-version", "TLS to an upstream is not in this version")
            .label("not supported")
            .help("speak plain HTTP to a server on a trusted network".to_owned())
            .report();
    }
    let time = |text: &Option<String>, key: &str, default: u64| {
        duration_at(text.as_deref(), Duration::from_secs(default), &at.key(key))
    };
    Upstream {
        servers: servers(&spec.servers, &at.key("servers")),
        protocol: spec.protocol,
        forwarded: spec.forwarded,
        connect_timeout: time(&spec.connect_timeout, "connect_timeout", 5),
        read_timeout: time(&spec.read_timeout, "read_timeout", 60),
        write_timeout: time(&spec.write_timeout, "write_timeout", 60),
        health_check: spec.health_check.as_ref().map(|check| health_check(check, &at.key("health_check"))),
    }
}

fn servers(specs: &[String], at: &At<'_>) -> Vec<Server> {
    let mut servers = Vec::new();
    for (index, text) in specs.iter().enumerate() {
        match Server::parse(text) {
            Some(server) if servers.contains(&server) => {
                let at = at.item(index);
                at.error("duplicate-server", format!("`{text}` is listed twice")).label("again").report();
            }
            Some(server) => servers.push(server),
            None => bad_server(text, &at.item(index)),
        }
    }
    servers
}

fn bad_server(text: &str, at: &At<'_>) {
    let bare = text.trim_start_matches("http://").trim_end_matches('/');
    let help = if text.starts_with("https://") {
        "TLS to an upstream is not in this version".to_owned()
    } else if bare != text && Server::parse(bare).is_some() {
        format!("write `{bare}`")
    } else {
        "write a host and a port: `127.0.0.1:3000`, `app:3000`, `[::1]:3000`".to_owned()
    };
    at.error("invalid-server", format!("expected a host and a port, found `{text}`"))
        .label("not a server")
        .help(help)
        .report();
}

fn health_check(spec: &HealthCheckSpec, at: &At<'_>) -> HealthCheck {
    let probe = match (&spec.path, spec.tcp) {
        (Some(path), None | Some(false)) => {
            if !path.starts_with('/') {
                at.key("path")
                    .error("invalid-path", format!("expected a path, found `{path}`"))
                    .label("must begin with `/`")
                    .report();
            }
            Probe::Path(path.clone())
        }
        (None, Some(true)) => Probe::Tcp,
        _ => {
            at.error("contradiction", "expected exactly one of `path` and `tcp: true`")
                .at_key()
                .label("what should be asked?")
                .report();
            Probe::Tcp
        }
    };
    let interval = duration_at(spec.interval.as_deref(), Duration::from_secs(10), &at.key("interval"));
    let timeout = duration_at(spec.timeout.as_deref(), Duration::from_secs(2), &at.key("timeout"));
    let (unhealthy_after, healthy_after) =
        (spec.unhealthy_after.unwrap_or(3), spec.healthy_after.unwrap_or(1));
    HealthCheck { probe, interval, timeout, unhealthy_after, healthy_after }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_servers() {
        for (text, expected) in [
            ("127.0.0.1:3000", Some("127.0.0.1:3000")),
            ("[::1]:3000", Some("[::1]:3000")),
            ("app-1.internal:80", Some("app-1.internal:80")),
            ("::1:3000", None),
            ("app", None),
            ("app:0", None),
            (":80", None),
            ("http://app:80", None),
            ("[app]:80", None),
        ] {
            assert_eq!(Server::parse(text).map(|server| server.to_string()).as_deref(), expected, "{text}");
        }
    }
}
