//! Where requests are accepted.

mod address;
mod limits;
mod tls;

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::quantity::duration_at;
use super::spec::{HstsSpec, ListenerLimitsSpec, ListenerSpec};
use super::{Acme, At, Clients, clients};
pub use address::ListenAddress;
pub use limits::ListenerLimits;
pub use tls::{ClientCertificates, Tls};

/// Where requests are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where.
    pub address: ListenAddress,
    /// Whether HTTP/2 without TLS is accepted beside HTTP/1.1.
    pub h2c: bool,
    /// TLS, if there is any.
    pub tls: Option<Tls>,
    /// Who begins connections with a PROXY protocol header.
    pub proxy_protocol: Option<Peers>,
    /// Whether requests are answered with a redirect to https.
    pub redirect_to_https: bool,
    /// The value of Strict-Transport-Security on answers over TLS.
    pub hsts: Option<String>,
    /// How much clients may ask of it.
    pub limits: ListenerLimits,
    /// Whom it believes of who the client is.
    pub clients: Clients,
}

impl Listener {
    /// One for plain HTTP/1.1.
    #[must_use]
    pub fn at(address: std::net::SocketAddr) -> Self {
        Self {
            address: ListenAddress::Tcp(address),
            h2c: false,
            tls: None,
            proxy_protocol: None,
            redirect_to_https: false,
            hsts: None,
            limits: ListenerLimits::default(),
            clients: Clients::default(),
        }
    }
}

/// The headers that tell applications whose certificate a client showed, each once.
pub(super) fn subject_headers(listeners: &[Listener]) -> Vec<String> {
    let tls = listeners.iter().filter_map(|listener| listener.tls.as_ref());
    let asked = tls.filter_map(|tls| tls.client_certificates.as_ref());
    let names: BTreeSet<&String> = asked.map(|it| &it.subject_header).collect();
    names.into_iter().cloned().collect()
}

/// Who may stand in front.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    /// Networks.
    pub networks: Vec<IpNet>,
    /// Whoever may connect to a unix socket.
    pub unix: bool,
}

impl Peers {
    /// Whether a peer is one of them; one without an address came by a unix socket.
    #[must_use]
    pub fn contains(&self, address: Option<IpAddr>) -> bool {
        match address {
            Some(address) => {
                let address = address.to_canonical();
                self.networks.iter().any(|network| network.contains(&address))
            }
            None => self.unix,
        }
    }
}

/// A listener that a gateway asks: HTTP/1.1 and HTTP/2 without TLS.
pub(in crate::config) fn endpoint(
    address: &str,
    limits: &ListenerLimitsSpec,
    clients: Clients,
    at: &At<'_>,
) -> Option<Listener> {
    let limits = limits::check(limits, &at.key("limits"));
    let address = ListenAddress::parse(address, &at.key("address"))?;
    Some(Listener {
        address,
        h2c: true,
        tls: None,
        proxy_protocol: None,
        redirect_to_https: false,
        hsts: None,
        limits,
        clients,
    })
}

pub(super) fn check_all(specs: &[ListenerSpec], at: &At<'_>, acme: Option<&Acme>) -> Vec<Listener> {
    let mut listeners: Vec<Listener> = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        let at = at.item(index);
        let Some(listener) = check(spec, &at, acme) else { continue };
        if listeners.iter().any(|other| other.address == listener.address) {
            at.key("address")
                .error("duplicate-address", format!("two listeners at `{}`", listener.address))
                .label("again")
                .report();
        }
        listeners.push(listener);
    }
    listeners
}

fn check(spec: &ListenerSpec, at: &At<'_>, acme: Option<&Acme>) -> Option<Listener> {
    let address = ListenAddress::parse(&spec.address, &at.key("address"));
    let tls = spec.tls.as_ref().map(|tls| tls::check(tls, &at.key("tls"), acme));
    let proxy_protocol = spec.proxy_protocol.as_ref().map(|texts| peers(texts, &at.key("proxy_protocol")));
    let hsts = spec.hsts.as_ref().map(|hsts| hsts_value(hsts, &at.key("hsts")));
    let without_tls = |key: &str, what: &str| {
        at.key(key)
            .error("contradiction", format!("{what} is for listeners with `tls`"))
            .at_key()
            .label("this one has none")
            .report();
    };
    if hsts.is_some() && tls.is_none() {
        without_tls("hsts", "`hsts`");
    }
    if spec.h2c && tls.is_some() {
        at.key("h2c")
            .error("contradiction", "`h2c` is HTTP/2 without TLS, and this listener has `tls`")
            .at_key()
            .label("has no effect")
            .help("HTTP/2 over TLS is offered unless `tls.http2` is false".to_owned())
            .report();
    }
    if spec.redirect_to_https && tls.is_some() {
        at.key("redirect_to_https")
            .error("contradiction", "this listener has `tls` already")
            .at_key()
            .label("would redirect to itself")
            .report();
    }
    Some(Listener {
        address: address?,
        h2c: spec.h2c,
        tls,
        proxy_protocol,
        redirect_to_https: spec.redirect_to_https,
        hsts,
        limits: limits::check(&spec.limits, &at.key("limits")),
        clients: clients::check(spec, at),
    })
}

/// Networks and `unix`.
pub(in crate::config) fn peers(texts: &[String], at: &At<'_>) -> Peers {
    let mut peers = Peers::default();
    for (index, text) in texts.iter().enumerate() {
        let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
        match text.parse::<IpNet>().ok().or_else(address) {
            Some(network) => peers.networks.push(network.trunc()),
            None if text == "unix" => peers.unix = true,
            None => at
                .item(index)
                .error("invalid-network", format!("expected a network, found `{text}`"))
                .label("not a network")
                .help("write `10.0.0.0/8`, `fd00::/8`, a single address, or `unix`".to_owned())
                .report(),
        }
    }
    peers
}

/// RFC 6797, section 6.1.
fn hsts_value(spec: &HstsSpec, at: &At<'_>) -> String {
    let max_age = duration_at(spec.max_age.as_deref(), YEAR, &at.key("max_age"));
    let mut value = format!("max-age={}", max_age.as_secs());
    if spec.include_subdomains {
        value.push_str("; includeSubDomains");
    }
    if spec.preload {
        value.push_str("; preload");
    }
    value
}

const YEAR: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 3600);
