//! The certificate that every server shows, and that clients expect.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::CertificateDer;

use super::scenario::HOST;

/// A certificate with an ECDSA key on P-256, and where it lies.
pub(crate) struct Certificate {
    pub(crate) shown: CertificateDer<'static>,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificate {
    /// Makes one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn make(directory: &Path) -> Result<Self> {
        // P-256 is what rcgen takes if nothing else is said.
        let pair = KeyPair::generate()?;
        let made = CertificateParams::new(vec![HOST.to_owned()])?.self_signed(&pair)?;
        let (certificate, key) = (directory.join("shop.crt"), directory.join("shop.key"));
        std::fs::write(&certificate, made.pem())?;
        std::fs::write(&key, pair.serialize_pem())?;
        Ok(Self { shown: made.der().clone(), certificate, key })
    }
}
