//! Certificates that were obtained, and answers to authorities, as listeners take them: without waiting.

use std::collections::HashMap;
use std::sync::Arc;

use acme::{Certificate, Challenges, Names};
use arc_swap::ArcSwap;
use rustls::sign::CertifiedKey;

/// What listeners take. It outlives reloads.
#[derive(Default)]
pub(crate) struct Shelf {
    certificates: ArcSwap<HashMap<Names, Arc<CertifiedKey>>>,
    /// The same, by each name.
    by_name: ArcSwap<HashMap<String, Arc<CertifiedKey>>>,
    challenges: Arc<Challenges>,
}

impl Shelf {
    /// The certificate for a name, which is in lower case. A wildcard stands for one label.
    pub(crate) fn certificate(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let held = self.by_name.load();
        if held.is_empty() {
            return None;
        }
        let wildcard = || held.get(&format!("*.{}", name.split_once('.')?.1));
        held.get(name).or_else(wildcard).cloned()
    }

    /// What is answered to authorities.
    pub(crate) fn challenges(&self) -> &Arc<Challenges> {
        &self.challenges
    }

    /// Puts a certificate in place of the one for the same names.
    pub(super) fn put(&self, certificate: &Certificate) {
        let mut held = HashMap::clone(&self.certificates.load());
        held.insert(certificate.names.clone(), Arc::clone(&certificate.certified));
        self.set(held);
    }

    /// Takes away what nobody wants any more.
    pub(super) fn keep_only(&self, wanted: &[Names]) {
        let mut held = HashMap::clone(&self.certificates.load());
        held.retain(|names, _| wanted.contains(names));
        self.set(held);
    }

    /// Takes all away.
    pub(crate) fn clear(&self) {
        self.set(HashMap::new());
    }

    fn set(&self, held: HashMap<Names, Arc<CertifiedKey>>) {
        let mut sorted: Vec<_> = held.iter().collect();
        // Of two for one name it is always the same.
        sorted.sort_by(|one, other| one.0.cmp(other.0));
        let by_name = sorted
            .into_iter()
            .flat_map(|(names, certified)| names.iter().map(|name| (name.to_owned(), Arc::clone(certified))));
        self.by_name.store(Arc::new(by_name.collect()));
        self.certificates.store(Arc::new(held));
    }
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shelf({} names)", self.by_name.load().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(names: &[&str]) -> Certificate {
        let owned: Vec<String> = names.iter().map(ToString::to_string).collect();
        let made = rcgen::generate_simple_self_signed(owned).expect("a certificate");
        let names = Names::new(names).expect("names");
        Certificate::read(&names, &made.cert.pem(), &made.signing_key.serialize_pem()).expect("fits")
    }

    #[test]
    fn a_name_gets_its_certificate_or_its_wildcards() {
        let shelf = Shelf::default();
        let (shop, wild) =
            (certificate(&["shop.example.com", "example.com"]), certificate(&["*.example.com"]));
        shelf.put(&shop);
        shelf.put(&wild);
        for (name, expected) in [
            ("shop.example.com", Some(&shop)),
            ("example.com", Some(&shop)),
            ("api.example.com", Some(&wild)),
            ("a.b.example.com", None),
            ("example.org", None),
            ("", None),
        ] {
            let found = shelf.certificate(name);
            let same = match (&found, expected) {
                (Some(found), Some(expected)) => Arc::ptr_eq(found, &expected.certified),
                (None, None) => true,
                _ => false,
            };
            assert!(same, "{name}");
        }
        shelf.keep_only(std::slice::from_ref(&wild.names));
        let found = shelf.certificate("shop.example.com").expect("the wildcard");
        assert!(Arc::ptr_eq(&found, &wild.certified));
        let renewed = certificate(&["*.example.com"]);
        shelf.put(&renewed);
        let found = shelf.certificate("shop.example.com").expect("the wildcard");
        assert!(Arc::ptr_eq(&found, &renewed.certified));
    }
}
