//! Which certificate a client gets.

use std::collections::HashMap;
use std::sync::Arc;

use acme::TLS_ALPN01_PROTOCOL;
use engine::config::{Tls, UnknownNames};
use engine::tls::Keyring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::acme::Shelf;

/// Certificates by the names they are for.
#[derive(Debug)]
pub(super) struct Certificates {
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what is behind `*.`.
    wildcard: HashMap<String, Arc<CertifiedKey>>,
    /// For names that none is for.
    otherwise: Option<Arc<CertifiedKey>>,
    /// Those that are obtained by ACME, which come and are renewed at any time.
    obtained: Option<Obtained>,
}

/// Certificates that are obtained by ACME.
#[derive(Debug)]
struct Obtained {
    shelf: Arc<Shelf>,
    /// The names that the listener wants them for.
    names: Vec<String>,
    /// A name of the one that is for names that none is for.
    otherwise: Option<String>,
    /// Whether authorities look for proofs here.
    proves: bool,
}

impl Certificates {
    /// The certificates of a listener. Of two for one name the first in a file is taken.
    pub(super) fn new(tls: &Tls, keyring: &Keyring, shelf: &Arc<Shelf>) -> Self {
        let (mut exact, mut wildcard, mut otherwise) = (HashMap::new(), HashMap::new(), None);
        let identities = tls.certificates.iter().filter_map(|files| keyring.identity(files));
        let takes_unknown = tls.unknown_names == UnknownNames::First;
        for identity in identities {
            for name in &identity.names {
                let (names, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut wildcard, parent),
                    None => (&mut exact, name.as_str()),
                };
                names.entry(name.to_owned()).or_insert_with(|| Arc::clone(&identity.certified));
            }
            if takes_unknown {
                otherwise.get_or_insert_with(|| Arc::clone(&identity.certified));
            }
        }
        let obtained = (tls.proves || !tls.acme.is_empty()).then(|| Obtained {
            shelf: Arc::clone(shelf),
            names: tls.acme.concat(),
            otherwise: tls.acme.first().and_then(|names| names.first()).filter(|_| takes_unknown).cloned(),
            proves: tls.proves,
        });
        Self { exact, wildcard, otherwise, obtained }
    }

    /// The certificate for a name, which is in lower case. A wildcard stands for one label (RFC 6125, section 6.4.3).
    fn get(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let exact = || self.exact.get(name?).cloned();
        let wildcard = || self.wildcard.get(name?.split_once('.')?.1).cloned();
        let obtained = || self.obtained.as_ref()?.get(name?);
        let otherwise = || {
            let first = || self.obtained.as_ref()?.first();
            self.otherwise.clone().or_else(first)
        };
        exact().or_else(wildcard).or_else(obtained).or_else(otherwise)
    }
}

impl Obtained {
    fn get(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let stands_for = |own: &String| match own.strip_prefix("*.") {
            Some(parent) => name.split_once('.').is_some_and(|(_, rest)| rest == parent),
            None => own == name,
        };
        self.names.iter().any(stands_for).then(|| self.shelf.certificate(name)).flatten()
    }

    fn first(&self) -> Option<Arc<CertifiedKey>> {
        let name = self.otherwise.as_ref()?;
        self.shelf.certificate(&name.replace("*.", "any."))
    }

    /// What is shown to an authority that checks a name; it offers nothing but the protocol for that.
    fn proof(&self, hello: &ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.shelf.challenges().tls_alpn01(hello.server_name()?)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(obtained) = self.obtained.as_ref().filter(|it| it.proves) {
            let mut offered = hello.alpn().into_iter().flatten();
            if (offered.next(), offered.next()) == (Some(TLS_ALPN01_PROTOCOL), None) {
                return obtained.proof(&hello);
            }
        }
        let name = hello.server_name().map(str::to_ascii_lowercase);
        self.get(name.as_deref())
    }
}
