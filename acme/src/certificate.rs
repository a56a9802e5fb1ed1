//! A certificate: what is asked for, what was obtained, and what can be read in it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use instant_acme::CertificateIdentifier;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, Der, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::environment::unit_of;
use crate::schedule::Span;

/// The names of one certificate: sorted, in lower case, each once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Names(Vec<String>);

impl Names {
    /// At least one name; `None` without.
    pub fn new(names: impl IntoIterator<Item = impl AsRef<str>>) -> Option<Self> {
        let mut names: Vec<String> = names.into_iter().map(|it| it.as_ref().to_ascii_lowercase()).collect();
        names.sort();
        names.dedup();
        (!names.is_empty()).then_some(Self(names))
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// What the certificate's files are called: its first name, and what tells apart those that begin alike.
    #[must_use]
    pub fn id(&self) -> String {
        let first = self.0[0].replace('*', "_");
        let safe = first.chars().filter(|it| it.is_ascii_alphanumeric() || "-_.".contains(*it));
        let first: String = safe.take(100).collect();
        format!("{first}-{}", digest(self.0.join(",").as_bytes()))
    }
}

impl std::fmt::Display for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// The first 32 bits of a SHA-256, in hexadecimal: enough to tell names of files apart.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A certificate with its key.
#[derive(Clone)]
pub struct Certificate {
    /// What it was asked for.
    pub names: Names,
    /// The chain (PEM), the certificate itself first.
    pub chain_pem: String,
    /// Its key (PEM, PKCS#8).
    pub key_pem: String,
    /// When it holds.
    pub life: Span,
    /// A number in `0.0..1.0` that stays the same for this certificate and differs for the next.
    pub unit: f64,
    /// The same, ready for use.
    pub certified: Arc<CertifiedKey>,
}

impl Certificate {
    /// Reads a chain and its key.
    ///
    /// # Errors
    /// What does not parse, and what does not fit: another key's certificate, or one that lacks a name.
    pub fn read(names: &Names, chain_pem: &str, key_pem: &str) -> Result<Self, String> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain_pem.as_bytes()).collect();
        let chain = chain.map_err(|error| format!("the chain does not parse: {error}"))?;
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
            .map_err(|error| format!("the key does not parse: {error}"))?;
        let first = chain.first().ok_or("the chain is empty")?;
        let life = inspect(first, names)?;
        let unit =
            unit_of(Sha256::digest(first)[..8].iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte)));
        let key = any_supported_type(&key).map_err(|error| format!("the key cannot be used: {error}"))?;
        let certified = CertifiedKey::new(chain, key);
        certified.keys_match().map_err(|error| format!("the key is not the certificate's: {error}"))?;
        Ok(Self {
            names: names.clone(),
            chain_pem: chain_pem.to_owned(),
            key_pem: key_pem.to_owned(),
            life,
            unit,
            certified: Arc::new(certified),
        })
    }

    /// The certificate itself, without its chain.
    fn leaf(&self) -> &CertificateDer<'static> {
        &self.certified.cert[0]
    }

    /// What its authority knows it by, for renewal information; `None` if it does not say who issued it.
    pub(crate) fn identifier(&self) -> Option<CertificateIdentifier<'static>> {
        let (_, parsed) = X509Certificate::from_der(self.leaf()).ok()?;
        let key = parsed.iter_extensions().find_map(|it| match it.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(it) => it.key_identifier.as_ref().map(|id| id.0.to_vec()),
            _ => None,
        })?;
        let serial = parsed.tbs_certificate.raw_serial();
        Some(CertificateIdentifier::new(Der::from_slice(&key), Der::from_slice(serial)).into_owned())
    }
}

impl std::fmt::Debug for Certificate {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({}, {:?})", self.names, self.life)
    }
}

/// When a certificate holds, if it has all the names.
fn inspect(certificate: &CertificateDer<'_>, names: &Names) -> Result<Span, String> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|error| format!("the certificate does not parse: {error}"))?;
    let extension = parsed.subject_alternative_name().map_err(|error| error.to_string())?;
    let held: Vec<String> = extension
        .iter()
        .flat_map(|it| &it.value.general_names)
        .filter_map(|it| match it {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    if let Some(name) = names.iter().find(|name| !held.iter().any(|it| it == name)) {
        return Err(format!("the certificate is not for {name}"));
    }
    let time = |seconds: i64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap_or(0));
    let validity = parsed.validity();
    Ok(Span { from: time(validity.not_before.timestamp()), until: time(validity.not_after.timestamp()) })
}

/// A new key, and a request to certify it for the names (DER).
pub(crate) fn request(names: &Names, key_pem: &str) -> Result<Vec<u8>, String> {
    let build = || {
        let key = KeyPair::from_pem(key_pem)?;
        let mut params = CertificateParams::new(names.0.clone())?;
        params.distinguished_name = DistinguishedName::new();
        Ok(params.serialize_request(&key)?.der().to_vec())
    };
    build().map_err(|error: rcgen::Error| format!("no request can be made: {error}"))
}

/// A new key (PEM, PKCS#8): ECDSA on P-256, which every authority and every client takes.
pub(crate) fn new_key() -> Result<String, String> {
    KeyPair::generate().map(|key| key.serialize_pem()).map_err(|error| format!("no key can be made: {error}"))
}

/// What is shown to an authority that checks `name` by TLS-ALPN-01 (RFC 8737).
pub(crate) fn proof(name: &str, digest: &[u8; 32]) -> Result<Arc<CertifiedKey>, String> {
    let build = || {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new([name.to_owned()])?;
        params.distinguished_name = DistinguishedName::new();
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let certificate = params.self_signed(&key)?;
        Ok((certificate.der().clone(), key.serialize_der()))
    };
    let (certificate, key) = build().map_err(|error: rcgen::Error| error.to_string())?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
    let key = any_supported_type(&key).map_err(|error| error.to_string())?;
    Ok(Arc::new(CertifiedKey::new(vec![certificate], key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Names {
        Names::new(names).expect("names")
    }

    #[test]
    fn the_same_names_are_the_same_files() {
        let it = names(&["b.example.com", "A.example.com", "a.example.com"]);
        assert_eq!(it.id(), names(&["a.example.com", "b.example.com"]).id());
        assert!(it.id().starts_with("a.example.com-"), "{}", it.id());
        assert_ne!(it.id(), names(&["a.example.com"]).id());
        assert!(names(&["*.example.com"]).id().starts_with("_.example.com-"));
        assert!(!names(&["../../etc"]).id().contains('/'));
        assert_eq!(Names::new([""; 0]), None);
    }

    #[test]
    fn a_chain_is_taken_only_with_its_key_and_names() {
        let own = rcgen::generate_simple_self_signed(vec!["a.example.com".into(), "b.example.com".into()]);
        let own = own.expect("certificate");
        let (chain, key) = (own.cert.pem(), own.signing_key.serialize_pem());
        let other = new_key().expect("key");
        for (wanted, chain, key, expected) in [
            (&["a.example.com"][..], chain.as_str(), key.as_str(), Ok(())),
            (&["a.example.com", "b.example.com"][..], &chain, &key, Ok(())),
            (&["c.example.com"][..], &chain, &key, Err("not for c.example.com")),
            (&["a.example.com"][..], &chain, &other, Err("not the certificate's")),
            (&["a.example.com"][..], "", &key, Err("empty")),
            (&["a.example.com"][..], &chain, "", Err("key does not parse")),
        ] {
            let read = Certificate::read(&names(wanted), chain, key);
            match (&read, expected) {
                (Ok(_), Ok(())) => {}
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                _ => panic!("{wanted:?}: {read:?}, expected {expected:?}"),
            }
        }
    }
}
