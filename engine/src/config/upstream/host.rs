//! The Host that servers get.

use super::Server;
use crate::config::At;

/// The Host that servers get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UpstreamHost {
    /// As the client sent it.
    #[default]
    Keep,
    /// The server's host and port, as the configuration has them.
    ServerName,
    /// This one.
    Fixed(String),
}

pub(super) fn check(text: Option<&str>, servers: &[Server], at: &At<'_>) -> UpstreamHost {
    match text {
        None | Some("keep") => UpstreamHost::Keep,
        Some("server-name") => {
            if let Some(server) = servers.iter().find(|server| server.address.host().is_none()) {
                at.error("contradiction", format!("`{}` has no name to be a Host", server.address))
                    .label("not possible")
                    .help("write a host, or `keep`".to_owned())
                    .report();
            }
            UpstreamHost::ServerName
        }
        Some(host) => {
            if !is_host(host) {
                at.error("invalid-host", format!("expected a host, found `{host}`"))
                    .label("not a Host")
                    .help(
                        "write `keep`, `server-name`, or a host: `app.internal`, `app.internal:8443`"
                            .to_owned(),
                    )
                    .report();
            }
            UpstreamHost::Fixed(host.to_owned())
        }
    }
}

/// Whether a text can be the value of a Host header: a name or an address, perhaps with a port.
pub(super) fn is_host(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((address, rest)) = rest.split_once(']') else { return false };
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            ("address", rest.strip_prefix(':').or(rest.is_empty().then_some("80")).unwrap_or("wrong"))
        }
        None => text.split_once(':').unwrap_or((text, "80")),
    };
    !name.is_empty() && name.bytes().all(allowed) && port.parse::<u16>().is_ok_and(|port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_hosts() {
        for (text, expected) in [
            ("app.internal", true),
            ("app:8443", true),
            ("[::1]", true),
            ("[::1]:80", true),
            ("[::1]80", false),
            ("[app]:80", false),
            ("", false),
            (":80", false),
            ("app:", false),
            ("app:0", false),
            ("app:http", false),
            ("user@app", false),
            ("app/x", false),
            ("app\r\nX: y", false),
        ] {
            assert_eq!(is_host(text), expected, "{text:?}");
        }
    }
}
