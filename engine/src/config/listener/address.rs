//! Addresses to listen at.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::At;
use crate::config::quantity::address_at;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// An address and a port.
    Tcp(SocketAddr),
    /// The path of a unix socket.
    Unix(PathBuf),
    /// A socket that was opened by who started the process (systemd), by its name.
    Passed(String),
}

impl ListenAddress {
    pub(super) fn parse(text: &str, at: &At<'_>) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Self::unix(path, at);
        }
        match text.strip_prefix("socket:") {
            Some("") => {
                at.error("empty-name", "the name of the socket is empty")
                    .label("which socket?")
                    .help("write `socket:NAME`, the `FileDescriptorName=` of the socket unit".to_owned())
                    .report();
                None
            }
            Some(name) => Some(Self::Passed(name.to_owned())),
            None => address_at(text, at).map(Self::Tcp),
        }
    }

    /// Linux has room for 108 bytes, the last of which is zero (unix(7)).
    fn unix(path: &str, at: &At<'_>) -> Option<Self> {
        let wrong = match path {
            _ if !path.starts_with('/') => "must begin with `/`",
            _ if path.len() >= 108 => "longer than the 107 bytes that a socket's path may have",
            _ => return Some(Self::Unix(PathBuf::from(path))),
        };
        at.error("invalid-path", format!("expected the path of a socket, found `{path}`"))
            .label(wrong)
            .help("write `unix:/run/portcullis/http.sock`".to_owned())
            .report();
        None
    }
}

impl std::fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Passed(name) => write!(f, "socket:{name}"),
        }
    }
}
