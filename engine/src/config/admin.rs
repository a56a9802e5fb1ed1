//! The listener for metrics and health.

use std::net::SocketAddr;

use super::quantity::address_at;
use super::{AdminSpec, At};

/// The listener for metrics and health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Address and port.
    pub address: SocketAddr,
    /// The bearer token callers must send; `None` on loopback only.
    pub token: Option<String>,
}

pub(super) fn check(spec: &AdminSpec, at: &At<'_>) -> Option<Admin> {
    let token = spec.token.clone().filter(|token| !token.is_empty());
    if spec.token.is_some() && token.is_none() {
        at.key("token").error("empty-token", "the token is empty").label("must not be empty").report();
    }
    let address = address_at(&spec.address, &at.key("address"))?;
    if !address.ip().is_loopback() && token.is_none() {
        at.key("address")
            .error("admin-exposed", format!("`{address}` can be reached by others, and there is no token"))
            .label("not loopback")
            .help("listen at `127.0.0.1:9913`, or set `token`".to_owned())
            .report();
    }
    Some(Admin { address, token })
}
