//! How a server is reached: protocol, TLS, and which connections may be shared.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use engine::config::{Upstream, UpstreamProtocol, UpstreamTls};
use engine::tls::{Authorities, Identity, Keyring};
use pingora::protocols::l4::socket::SocketAddr;
use pingora::protocols::tls::CaType;
use pingora::upstreams::peer::{ALPN, HttpPeer, Scheme};
use pingora::utils::tls::{CertKey, WrappedX509, parse_x509};

/// How the servers of one upstream are reached.
#[derive(Debug)]
pub(super) struct Transport {
    alpn: ALPN,
    /// What is spoken where a request wants to become another protocol's, if that is not the same.
    upgrade_alpn: Option<ALPN>,
    tls: Option<Secure>,
    timeouts: Timeouts,
    /// Tells transports apart whose connections must not be shared, but for the protocol.
    key: u64,
}

#[derive(Debug)]
struct Secure {
    verify: bool,
    server_name: Option<String>,
    authorities: Option<Arc<CaType>>,
    identity: Option<Arc<CertKey>>,
}

#[derive(Clone, Copy, Debug)]
struct Timeouts {
    connect: Duration,
    read: Duration,
    write: Duration,
    idle: Duration,
}

/// How one server is reached.
#[derive(Debug)]
pub(super) struct Peers {
    usual: HttpPeer,
    upgrade: Option<HttpPeer>,
}

impl Transport {
    /// The transport that an upstream's settings describe, with what was read for them.
    pub(super) fn new(settings: &Upstream, keyring: &Keyring) -> Self {
        let (alpn, upgrade_alpn) = match settings.protocol {
            UpstreamProtocol::Http1 => (ALPN::H1, None),
            UpstreamProtocol::H2c | UpstreamProtocol::Http2 => (ALPN::H2, None),
            UpstreamProtocol::Auto => (ALPN::H2H1, Some(ALPN::H1)),
        };
        let timeouts = Timeouts {
            connect: settings.connect_timeout,
            read: settings.read_timeout,
            write: settings.write_timeout,
            idle: settings.idle_timeout,
        };
        let mut hasher = DefaultHasher::new();
        let tls = settings.tls.as_ref().map(|tls| secure(tls, keyring, &mut hasher));
        Self { alpn, upgrade_alpn, tls, timeouts, key: hasher.finish() }
    }

    /// Whether servers are told apart by their names, and not by their addresses alone.
    pub(super) fn names_servers(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether connections may be shared with those of another.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.key == other.key && self.alpn == other.alpn && self.tls.is_some() == other.tls.is_some()
    }

    /// How the server at `address` is reached, which is called `host`.
    pub(super) fn peers(&self, address: &SocketAddr, host: Option<&str>) -> Peers {
        Peers {
            usual: self.peer(address, host, &self.alpn),
            upgrade: self.upgrade_alpn.as_ref().map(|alpn| self.peer(address, host, alpn)),
        }
    }

    fn peer(&self, address: &SocketAddr, host: Option<&str>, alpn: &ALPN) -> HttpPeer {
        let mut peer = HttpPeer::new(UNUSED, false, String::new());
        peer._address = address.clone();
        if let Some(tls) = &self.tls {
            peer.scheme = Scheme::HTTPS;
            // Pingora verifies nothing where there is no name; configurations without one are refused.
            peer.sni = tls.server_name.as_deref().or(host).unwrap_or("invalid").to_owned();
            peer.client_cert_key.clone_from(&tls.identity);
            peer.options.ca.clone_from(&tls.authorities);
            peer.options.verify_cert = tls.verify;
            peer.options.verify_hostname = tls.verify;
        }
        // Pingora's pools tell connections apart by address, name and client certificate, but not by protocol and authorities.
        peer.group_key = self.group(alpn);
        let options = &mut peer.options;
        options.alpn = alpn.clone();
        options.connection_timeout = Some(self.timeouts.connect);
        options.total_connection_timeout = Some(self.timeouts.connect);
        options.read_timeout = Some(self.timeouts.read);
        options.write_timeout = Some(self.timeouts.write);
        options.idle_timeout = Some(self.timeouts.idle);
        options.max_h2_streams = STREAMS_MAX;
        options.h2_stream_window_size = Some(STREAM_WINDOW_BYTES);
        options.h2_connection_window_size = Some(STREAM_WINDOW_BYTES * STREAMS_MAX as u32);
        peer
    }

    fn group(&self, alpn: &ALPN) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.key, alpn.get_min_http_version(), alpn.get_max_http_version()).hash(&mut hasher);
        hasher.finish()
    }
}

/// TLS, of which the hasher gets everything that makes a connection another.
fn secure(tls: &UpstreamTls, keyring: &Keyring, hasher: &mut DefaultHasher) -> Secure {
    let authorities = tls.authorities.as_ref().and_then(|file| keyring.authorities(file));
    let identity = tls.identity.as_ref().and_then(|files| keyring.identity(files));
    (tls.verify, &tls.server_name).hash(hasher);
    for certificate in authorities.iter().flat_map(|found| &found.certificates) {
        certificate.as_ref().hash(hasher);
    }
    if let Some(identity) = identity {
        for certificate in &identity.certified.cert {
            certificate.as_ref().hash(hasher);
        }
        identity.key.secret_der().hash(hasher);
    }
    Secure {
        verify: tls.verify,
        server_name: tls.server_name.clone(),
        authorities: authorities.map(|found| ca(found)),
        identity: identity.map(|found| cert_key(found)),
    }
}

/// As Pingora wants authorities. That the certificates parse was found out when they were read.
fn ca(authorities: &Authorities) -> Arc<CaType> {
    let wrap = |certificate: &[u8]| WrappedX509::new(certificate.to_vec(), parse_x509);
    authorities.certificates.iter().map(|certificate| wrap(certificate)).collect()
}

fn cert_key(identity: &Identity) -> Arc<CertKey> {
    let chain = identity.certified.cert.iter().map(|certificate| certificate.to_vec()).collect();
    Arc::new(CertKey::new(chain, identity.key.secret_der().to_vec()))
}

impl Peers {
    /// The peer for a request, whose timeouts may be changed.
    pub(super) fn peer(&self, upgrades: bool) -> HttpPeer {
        self.upgrade.as_ref().filter(|_| upgrades).unwrap_or(&self.usual).clone()
    }
}

/// A place for the address, which is put there at once.
const UNUSED: (std::net::Ipv4Addr, u16) = (std::net::Ipv4Addr::UNSPECIFIED, 1);
/// Requests at once on one HTTP/2 connection.
const STREAMS_MAX: usize = 32;
/// What a server may send of one answer ahead of its client. All streams together are as much as the connection may have on
/// the way: a client that does not read stops no other.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
