//! Whose certificate a client showed.

use std::sync::Arc;

use pingora::protocols::Ssl;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The subject of the client's certificate as text (`C=DE, O=Shop, CN=till 7`), which was verified before; `None` without one.
pub(super) fn of(stream: &impl Ssl) -> Option<Arc<str>> {
    let der = stream.get_ssl()?.peer_certificate_der()?;
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let subject = certificate.subject().to_string();
    // It becomes a header of the request: what cannot be in one must not be.
    let told = |letter| if (' '..='~').contains(&letter) { letter } else { '?' };
    Some(subject.chars().map(told).take(LENGTH_MAX).collect::<String>().into())
}

/// The longest subject that is told (bytes).
const LENGTH_MAX: usize = 1_024;
