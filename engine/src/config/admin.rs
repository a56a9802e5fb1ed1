//! The listener for metrics and health.

use std::net::SocketAddr;

use super::quantity::address_at;
use super::{AdminSpec, At, token};
use crate::tls::NamedFile;

/// The listener for metrics and health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Address and port.
    pub address: SocketAddr,
    /// The bearer token callers must send; `None` on loopback only. Of a file, it is read when a snapshot is built.
    pub token: Option<String>,
    /// The file it is in.
    pub token_file: Option<NamedFile>,
}

pub(super) fn check(spec: &AdminSpec, at: &At<'_>) -> Option<Admin> {
    let token = spec.token.clone().filter(|token| !token.is_empty());
    if spec.token.is_some() && token.is_none() {
        at.key("token").error("empty-token", "the token is empty").label("must not be empty").report();
    }
    let token_file = token::file(spec.token.as_deref(), spec.token_file.as_deref(), at);
    let address = address_at(&spec.address, &at.key("address"))?;
    if !address.ip().is_loopback() && token.is_none() && spec.token_file.is_none() {
        at.key("address")
            .error("admin-exposed", format!("`{address}` can be reached by others, and there is no token"))
            .label("not loopback")
            .help("listen at `127.0.0.1:9913`, or set `token_file` or `token`".to_owned())
            .report();
    }
    Some(Admin { address, token, token_file })
}
