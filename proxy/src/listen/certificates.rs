//! Which certificate a client gets.

use std::collections::HashMap;
use std::sync::Arc;

use engine::config::{Tls, UnknownNames};
use engine::tls::Keyring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Certificates by the names they are for.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what is behind `*.`.
    wildcard: HashMap<String, Arc<CertifiedKey>>,
    /// For names that none is for.
    otherwise: Option<Arc<CertifiedKey>>,
}

impl Certificates {
    /// The certificates of a listener. Of two for one name the first is taken.
    pub(super) fn new(tls: &Tls, keyring: &Keyring) -> Self {
        let mut certificates = Self::default();
        let identities = tls.certificates.iter().filter_map(|files| keyring.identity(files));
        for identity in identities {
            for name in &identity.names {
                let (names, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut certificates.wildcard, parent),
                    None => (&mut certificates.exact, name.as_str()),
                };
                names.entry(name.to_owned()).or_insert_with(|| Arc::clone(&identity.certified));
            }
            if tls.unknown_names == UnknownNames::First {
                certificates.otherwise.get_or_insert_with(|| Arc::clone(&identity.certified));
            }
        }
        certificates
    }

    /// The certificate for a name, which is in lower case. A wildcard stands for one label (RFC 6125, section 6.4.3).
    fn get(&self, name: Option<&str>) -> Option<&Arc<CertifiedKey>> {
        let exact = || self.exact.get(name?);
        let wildcard = || self.wildcard.get(name?.split_once('.')?.1);
        exact().or_else(wildcard).or(self.otherwise.as_ref())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        self.get(name.as_deref()).cloned()
    }
}
