//! TLS of a listener, by rustls.

use std::sync::Arc;

use acme::TLS_ALPN01_PROTOCOL;
use engine::config::{ClientCertificates, Tls, TlsVersion};
use engine::tls::Keyring;
use pingora::listeners::tls::Acceptor;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, ProducesTickets, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};

use super::certificates::Certificates;
use crate::acme::Shelf;

/// Why a listener's TLS cannot be set up.
#[derive(Debug)]
pub(crate) struct TlsError(String);

impl std::fmt::Display for TlsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

/// The keys with which sessions are resumed. They outlive reloads, so that clients need no new handshake for a new certificate.
#[derive(Clone)]
pub(crate) struct Resumption(Arc<dyn ProducesTickets>);

impl Resumption {
    /// New keys; they change every few hours by themselves.
    pub(crate) fn new() -> Result<Self, TlsError> {
        ring::Ticketer::new()
            .map(Self)
            .map_err(|error| TlsError(format!("no keys for session tickets: {error}")))
    }
}

/// What makes TLS of accepted connections.
pub(super) fn acceptor(
    tls: &Tls,
    keyring: &Keyring,
    resumption: &Resumption,
    shelf: &Arc<Shelf>,
) -> Result<Acceptor, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let versions = match tls.min_version {
        TlsVersion::Tls12 => &[&TLS13, &TLS12][..],
        TlsVersion::Tls13 => &[&TLS13][..],
    };
    let clients = tls.client_certificates.as_ref();
    let verifier = match clients {
        Some(clients) => verifier(clients, keyring, &provider)?,
        None => Arc::new(NoClientAuth),
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| TlsError(error.to_string()))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(Certificates::new(tls, keyring, shelf)));
    let offered: &[&[u8]] = if tls.http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
    if tls.proves {
        config.alpn_protocols.push(TLS_ALPN01_PROTOCOL.to_vec());
    }
    // A ticket vouches for a certificate that was checked when it was given: where clients show theirs, a reload
    // that trusts others must have it shown again.
    config.ticketer = match clients {
        Some(_) => Resumption::new()?.0,
        None => Arc::clone(&resumption.0),
    };
    // No early data (RFC 8446, section 8): it can be replayed.
    config.max_early_data_size = 0;
    Ok(Acceptor::from_server_config(Arc::new(config)))
}

fn verifier(
    clients: &ClientCertificates,
    keyring: &Keyring,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let missing = || TlsError(format!("no authorities in `{}`", clients.authorities.path));
    let authorities = keyring.authorities(&clients.authorities).ok_or_else(missing)?;
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&authorities.roots), Arc::clone(provider));
    let builder = if clients.required { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|error| TlsError(format!("`{}`: {error}", clients.authorities.path)))
}
