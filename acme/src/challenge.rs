//! What listeners answer to an authority that checks whether names are ours.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};

use crate::certificate;

/// What is to be answered now. Listeners read it without a lock; most of the time it is empty.
#[derive(Default)]
pub struct Challenges {
    answers: ArcSwap<Answers>,
}

#[derive(Default)]
struct Answers {
    proofs: Vec<Proof>,
    http01: HashMap<String, String>,
    tls_alpn01: HashMap<String, Arc<CertifiedKey>>,
}

/// What proves one name to an authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Proof {
    /// A file to be served.
    Http01 { token: String, key_authorization: String },
    /// A certificate to be shown: the digest that is in it.
    TlsAlpn01 { name: String, digest: [u8; 32] },
}

impl Challenges {
    /// The answer to `GET /.well-known/acme-challenge/TOKEN`; `None` unless the token is one that an authority was told of.
    #[must_use]
    pub fn http01(&self, token: &str) -> Option<String> {
        self.answers.load().http01.get(token).cloned()
    }

    /// The certificate for a handshake whose only protocol is `acme-tls/1`; `None` unless the name is being checked.
    #[must_use]
    pub fn tls_alpn01(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let answers = self.answers.load();
        if answers.tls_alpn01.is_empty() {
            return None;
        }
        answers.tls_alpn01.get(&name.to_ascii_lowercase()).cloned()
    }

    /// Whether anything is being checked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.answers.load().proofs.is_empty()
    }

    /// Answers with these proofs from now on, and no others.
    pub(crate) fn publish(&self, proofs: Vec<Proof>) {
        let old = self.answers.load();
        if old.proofs == proofs {
            return;
        }
        let mut answers = Answers { proofs, ..Answers::default() };
        for proof in &answers.proofs {
            match proof {
                Proof::Http01 { token, key_authorization } => {
                    answers.http01.insert(token.clone(), key_authorization.clone());
                }
                // Who looks again every moment need not make the same certificate again.
                Proof::TlsAlpn01 { name, .. } if old.proofs.contains(proof) => {
                    let kept = old.tls_alpn01.get(name).map(|it| (name.clone(), Arc::clone(it)));
                    answers.tls_alpn01.extend(kept);
                }
                Proof::TlsAlpn01 { name, digest } => match certificate::proof(name, digest) {
                    Ok(certified) => {
                        answers.tls_alpn01.insert(name.clone(), certified);
                    }
                    Err(error) => tracing::error!(name, error, "no certificate for TLS-ALPN-01"),
                },
            }
        }
        self.answers.store(Arc::new(answers));
    }
}

/// The path that HTTP-01 tokens are under.
pub const HTTP01_PATH: &str = "/.well-known/acme-challenge/";
/// The protocol that an authority offers in TLS-ALPN-01.
pub const TLS_ALPN01_PROTOCOL: &[u8] = b"acme-tls/1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_what_is_published_and_nothing_else() {
        let challenges = Challenges::default();
        assert!(challenges.is_empty());
        let alpn = Proof::TlsAlpn01 { name: "a.example.com".into(), digest: [7; 32] };
        let http = Proof::Http01 { token: "token".into(), key_authorization: "token.thumb".into() };
        challenges.publish(vec![http, alpn.clone()]);
        assert_eq!(challenges.http01("token").as_deref(), Some("token.thumb"));
        assert_eq!(challenges.http01("other"), None);
        let shown = challenges.tls_alpn01("A.example.com").expect("a certificate");
        assert!(challenges.tls_alpn01("b.example.com").is_none());
        challenges.publish(vec![alpn]);
        assert_eq!(challenges.http01("token"), None);
        let again = challenges.tls_alpn01("a.example.com").expect("a certificate");
        assert!(Arc::ptr_eq(&shown, &again), "made once");
        challenges.publish(Vec::new());
        assert!(challenges.is_empty() && challenges.tls_alpn01("a.example.com").is_none());
    }
}
