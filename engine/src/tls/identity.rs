//! A certificate with its private key.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use signatures::Diagnostic;
use signatures::seclang::FileReader;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{IdentityFiles, NamedFile, authority};

/// A certificate with its private key.
#[derive(Clone, Debug)]
pub struct Identity {
    /// As rustls uses it.
    pub certified: Arc<CertifiedKey>,
    /// The key (DER), for libraries that make their own of it.
    pub key: Arc<PrivateKeyDer<'static>>,
    /// The DNS names it is for, in lower case; the leftmost label may be `*`.
    pub names: Vec<String>,
    /// When it begins to be valid (seconds since the Unix epoch).
    pub not_before: i64,
    /// When it ceases to be (seconds since the Unix epoch).
    pub not_after: i64,
    /// SHA-256 of its DER form.
    pub fingerprint: [u8; 32],
}

impl Identity {
    /// A certificate chain with its key, from PEM.
    ///
    /// # Errors
    /// What is wrong with either, or that they do not belong together.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, String> {
        let chain = authority::certificates(certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| reason_of_key(&error))?;
        Self::from_der(chain, key)
    }

    fn from_der(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, String> {
        let kept = Arc::new(key.clone_key());
        let leaf = &chain[0];
        let (_, parsed) =
            X509Certificate::from_der(leaf).map_err(|error| format!("its certificate: {error}"))?;
        let validity = parsed.validity();
        let (not_before, not_after) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        let (names, fingerprint) = (names(&parsed), Sha256::digest(leaf).into());
        let certified =
            CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => "the key is of another certificate".to_owned(),
                error => error.to_string(),
            })?;
        Ok(Self { certified: Arc::new(certified), key: kept, names, not_before, not_after, fingerprint })
    }
}

/// The names that clients may ask for (RFC 6125: of the subject alternative names alone).
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let names = alternatives.iter().flat_map(|found| &found.value.general_names);
    let dns = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    };
    names.filter_map(dns).collect()
}

fn reason_of_key(error: &rustls::pki_types::pem::Error) -> String {
    match error {
        rustls::pki_types::pem::Error::NoItemsFound => "it has no private key (PEM)".to_owned(),
        error => error.to_string(),
    }
}

/// Reads both files; everything that is wrong is said.
pub(super) fn read(files: &IdentityFiles, reader: &dyn FileReader) -> Result<Identity, Vec<Diagnostic>> {
    let certificate = &files.certificate;
    let chain = reader.read(&certificate.path).and_then(|pem| authority::certificates(&pem));
    let chain = chain.map_err(|message| CERTIFICATE.wrong(certificate, &message));
    let reason = |error| reason_of_key(&error);
    let key =
        reader.read(&files.key.path).and_then(|pem| PrivateKeyDer::from_pem_slice(&pem).map_err(reason));
    let key = key.map_err(|message| KEY.wrong(&files.key, &message));
    match (chain, key) {
        (Ok(chain), Ok(key)) => {
            Identity::from_der(chain, key).map_err(|message| vec![CERTIFICATE.wrong(certificate, &message)])
        }
        (chain, key) => Err(chain.err().into_iter().chain(key.err()).collect()),
    }
}

/// What a file should have been.
struct Wanted {
    what: &'static str,
    help: &'static str,
}

const CERTIFICATE: Wanted = Wanted {
    what: "certificate",
    help: "a PEM file with the certificate first and then those that lead to its authority",
};
const KEY: Wanted =
    Wanted { what: "key", help: "a PEM file with an unencrypted private key: PKCS#8, PKCS#1 or SEC1" };

impl Wanted {
    fn wrong(&self, file: &NamedFile, message: &str) -> Diagnostic {
        let title = format!("cannot use the {} in `{}`: {message}", self.what, file.path);
        Diagnostic::error("bad-certificate", title)
            .at(file.place.clone(), format!("no usable {}", self.what))
            .help(self.help.to_owned())
    }
}
