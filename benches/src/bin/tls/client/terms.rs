//! TLS of the clients: one version, one cipher suite and one group are offered, so that all servers do the same arithmetic.

use std::fmt;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeKind,
    SignatureScheme,
};

use crate::scenario::{Connections, HOST, Protocol};

/// How a client shakes hands.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(super) config: Arc<ClientConfig>,
    pub(super) connections: Connections,
    protocol: Protocol,
}

/// What client and server agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Negotiated {
    version: String,
    suite: String,
    group: String,
}

impl fmt::Display for Negotiated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.version, self.suite, self.group)
    }
}

impl Terms {
    /// Terms with sessions of their own.
    ///
    /// # Errors
    /// When rustls does not know what is asked of it: a mistake here.
    pub(crate) fn new(
        shown: &CertificateDer<'static>,
        protocol: Protocol,
        connections: Connections,
    ) -> Result<Self> {
        let provider = CryptoProvider {
            cipher_suites: vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256],
            kx_groups: vec![ring::kx_group::X25519],
            ..ring::default_provider()
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Shown(shown.clone())))
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.name().to_vec()];
        config.resumption = match connections {
            Connections::Resumed => Resumption::in_memory_sessions(8),
            Connections::Kept | Connections::Full => Resumption::disabled(),
        };
        Ok(Self { config: Arc::new(config), connections, protocol })
    }

    /// The name that the certificate is asked for by.
    pub(super) fn name(&self) -> Result<ServerName<'static>> {
        Ok(ServerName::try_from(HOST)?)
    }

    /// What a connection came to. `is_first`: there was no session yet that could be resumed.
    ///
    /// # Errors
    /// When it is not what was asked for.
    pub(super) fn check(&self, connection: &ClientConnection, is_first: bool) -> Result<Negotiated> {
        let expected = match self.connections {
            Connections::Resumed if !is_first => HandshakeKind::Resumed,
            _ => HandshakeKind::Full,
        };
        let kind = connection.handshake_kind().context("no handshake")?;
        ensure!(kind == expected, "the handshake is {kind:?}, not {expected:?}");
        ensure!(connection.alpn_protocol() == Some(self.protocol.name()), "another protocol is chosen");
        let version = connection.protocol_version().and_then(|version| version.as_str());
        let suite = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        let group = connection.negotiated_key_exchange_group().and_then(|group| group.name().as_str());
        let name = |name: Option<&str>| name.unwrap_or("none").to_owned();
        Ok(Negotiated { version: name(version), suite: name(suite), group: name(group) })
    }
}

/// Takes the one certificate that was made, by its bytes. Whether the server has its key is not checked: that is work of the load
/// generator alone, which would be what is measured.
#[derive(Debug)]
struct Shown(CertificateDer<'static>);

impl ServerCertVerifier for Shown {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *end_entity == self.0 {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::UnknownIssuer.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only TLS 1.3 is offered".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
