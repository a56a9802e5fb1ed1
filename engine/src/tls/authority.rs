//! Authorities whose certificates are believed.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use signatures::Diagnostic;
use signatures::seclang::FileReader;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::NamedFile;

/// Certificates of authorities.
#[derive(Clone, Debug)]
pub struct Authorities {
    /// The certificates as they are in the file (DER).
    pub certificates: Vec<CertificateDer<'static>>,
    /// The same, as trust anchors.
    pub roots: Arc<RootCertStore>,
}

/// Reads a file of PEM certificates, all of which must be usable.
pub(super) fn read(file: &NamedFile, reader: &dyn FileReader) -> Result<Authorities, Box<Diagnostic>> {
    let wrong = |message: String| {
        Diagnostic::error(
            "bad-authorities",
            format!("cannot use the authorities in `{}`: {message}", file.path),
        )
        .at(file.place.clone(), "no authorities there")
        .help("a PEM file with the certificate of one authority or more".to_owned())
    };
    let bytes = reader.read(&file.path).map_err(wrong)?;
    let certificates = certificates(&bytes).map_err(wrong)?;
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone()).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(Authorities { certificates, roots: Arc::new(roots) })
}

/// The certificates in a PEM file; at least one.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err("it has no certificate".to_owned()),
        found => found.map_err(|error| error.to_string()).and_then(parsed),
    }
}

/// The same, if each of them is a certificate: libraries that parse them again later may rely on it.
fn parsed(certificates: Vec<CertificateDer<'static>>) -> Result<Vec<CertificateDer<'static>>, String> {
    let broken = |certificate: &&CertificateDer<'static>| X509Certificate::from_der(certificate).is_err();
    match certificates.iter().position(|certificate| broken(&certificate)) {
        Some(index) => Err(format!("certificate {} in it does not parse", index + 1)),
        None => Ok(certificates),
    }
}
