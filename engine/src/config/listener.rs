//! Where requests are accepted.

use std::net::SocketAddr;

use super::quantity::address_at;
use super::{At, ListenerSpec};

/// Where requests are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Address and port.
    pub address: SocketAddr,
    /// Whether HTTP/2 without TLS is accepted beside HTTP/1.1.
    pub h2c: bool,
}

pub(super) fn check_all(specs: &[ListenerSpec], at: &At<'_>) -> Vec<Listener> {
    let mut listeners: Vec<Listener> = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        let at = at.item(index).key("address");
        let Some(address) = address_at(&spec.address, &at) else { continue };
        if listeners.iter().any(|other| other.address == address) {
            at.error("duplicate-address", format!("two listeners at `{address}`")).label("again").report();
        }
        listeners.push(Listener { address, h2c: spec.h2c });
    }
    listeners
}
