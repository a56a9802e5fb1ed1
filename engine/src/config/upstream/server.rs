//! The servers of an upstream.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use crate::config::At;
use crate::config::spec::ServerSpec;

/// A server of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where it is.
    pub address: ServerAddress,
    /// Its share of the requests, in relation to the other weights. Never zero.
    pub weight: u32,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerAddress {
    /// A host and a port.
    Tcp {
        /// A name or an address; IPv6 without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// The path of a socket.
    Unix(PathBuf),
}

impl ServerAddress {
    fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            // Linux has room for 108 bytes, the last of which is zero (unix(7)).
            return (path.starts_with('/') && path.len() < 108).then(|| Self::Unix(path.into()));
        }
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').filter(|inside| inside.parse::<Ipv6Addr>().is_ok())?,
            None => host,
        };
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
        let named = !host.is_empty() && host.bytes().all(allowed);
        let ambiguous = host.contains(':') && !text.starts_with('[');
        (named && !ambiguous).then(|| Self::Tcp { host: host.to_owned(), port })
    }

    /// The host, as certificates name it; `None` for the path of a socket.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Tcp { host, .. } => Some(host),
            Self::Unix(_) => None,
        }
    }
}

impl std::fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

pub(super) fn check_all(specs: &[ServerSpec], at: &At<'_>) -> Vec<Server> {
    let mut servers: Vec<Server> = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        let at = at.item(index);
        let (text, weight, at) = match spec {
            ServerSpec::Address(text) => (text, 1, at),
            ServerSpec::Weighted(it) => (&it.address, it.weight.unwrap_or(1), at.key("address")),
        };
        match ServerAddress::parse(text) {
            Some(address) if servers.iter().any(|server| server.address == address) => {
                at.error("duplicate-server", format!("`{text}` is listed twice")).label("again").report();
            }
            Some(address) => servers.push(Server { address, weight }),
            None => bad_server(text, &at),
        }
    }
    servers
}

fn bad_server(text: &str, at: &At<'_>) {
    let secure = text.strip_prefix("https://");
    let bare = secure.unwrap_or(text).trim_start_matches("http://").trim_end_matches('/');
    let help = if text.starts_with("unix:") {
        "write the absolute path of a socket, of at most 107 bytes: `unix:/run/app.sock`".to_owned()
    } else if secure.is_some() && ServerAddress::parse(&with_port(bare)).is_some() {
        format!("write `{}` here, and `tls: true` for the upstream", with_port(bare))
    } else if bare != text && ServerAddress::parse(bare).is_some() {
        format!("write `{bare}`")
    } else {
        "write a host and a port: `127.0.0.1:3000`, `app:3000`, `[::1]:3000`; or `unix:/run/app.sock`"
            .to_owned()
    };
    at.error("invalid-server", format!("expected a host and a port, found `{text}`"))
        .label("not a server")
        .help(help)
        .report();
}

/// A host with a port: that of https, where it has none.
fn with_port(host: &str) -> String {
    if ServerAddress::parse(host).is_some() { host.to_owned() } else { format!("{host}:443") }
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
            ("unix:/run/app.sock", Some("unix:/run/app.sock")),
            ("unix:app.sock", None),
            ("unix:", None),
            ("::1:3000", None),
            ("app", None),
            ("app:0", None),
            (":80", None),
            ("http://app:80", None),
            ("[app]:80", None),
        ] {
            let found = ServerAddress::parse(text).map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
