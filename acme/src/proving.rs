//! Proving that names are ours: what an order's challenges ask for is put where the authority looks.

use std::sync::Arc;
use std::time::Duration;

use instant_acme::{AuthorizationStatus, ChallengeType, KeyAuthorization, Order};

use crate::certificate::Names;
use crate::challenge::{Challenges, Proof};
use crate::client::cause;
use crate::dns::{DnsCommand, record_name};
use crate::environment::Environment;
use crate::failure::{Cause, Failure, Stage};
use crate::store::{Kind, Store};

/// How it is proved that names are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// A file under `/.well-known/acme-challenge/`, on port 80.
    Http01,
    /// A certificate in a handshake of its own, on port 443.
    TlsAlpn01,
    /// A record in the DNS, which a command makes: the only one for wildcards.
    Dns01(DnsCommand),
}

/// Where proofs are put.
pub(crate) struct Proving {
    pub(crate) method: Method,
    pub(crate) store: Store,
    pub(crate) challenges: Arc<Challenges>,
    pub(crate) environment: Environment,
}

/// A proof that is in place.
enum Placed {
    /// With all listeners of this process, and of others that share the store.
    Listeners(Proof),
    /// In the DNS.
    Record { name: String, value: String },
}

impl Proving {
    /// Proves the names of an order's pending authorizations, as far as that is ours to do: the authority is told to look, and
    /// `looked` waits for what it finds. What was put in place is removed in any case.
    pub(crate) async fn prove(
        &self,
        order: &mut Order,
        names: &Names,
        looked: impl AsyncFnOnce(&mut Order) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut placed = Vec::new();
        let mut result = self.place(order, names, &mut placed).await;
        if result.is_ok() {
            self.settle().await;
            result = self.tell(order).await;
        }
        if result.is_ok() {
            result = looked(order).await;
        }
        self.remove(placed).await;
        result
    }

    /// Nothing is answered any more: what a process that ended left behind.
    pub(crate) fn clear(&self) {
        self.answer(Vec::new()).unwrap_or_else(|error| tracing::error!(%error, "challenges are not written"));
    }

    async fn place(&self, order: &mut Order, names: &Names, placed: &mut Vec<Placed>) -> Result<(), Failure> {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|error| failed(cause(error)))?;
            if authorization.status != AuthorizationStatus::Pending {
                continue;
            }
            let name = authorization.identifier().to_string();
            if !names.iter().any(|it| it == name) {
                return Err(failed(Cause::Garbled(format!("it is about `{name}`, which was not asked for"))));
            }
            let Some(challenge) = authorization.challenge(self.method.kind()) else {
                let text = format!("the authority does not offer {} for {name}", self.method);
                return Err(failed(Cause::Unsupported(text)));
            };
            let proof = self.proof(&name, &challenge.token, &challenge.key_authorization())?;
            if let Placed::Record { name, value } = &proof
                && let Method::Dns01(command) = &self.method
            {
                let set = command.set(name, value).await;
                placed.push(proof);
                set.map_err(|text| failed(Cause::Local(text)))?;
            } else {
                placed.push(proof);
            }
        }
        let proofs = placed.iter().filter_map(|it| match it {
            Placed::Listeners(proof) => Some(proof.clone()),
            Placed::Record { .. } => None,
        });
        self.answer(proofs.collect()).map_err(|error| failed(Cause::Local(error.to_string())))
    }

    fn proof(&self, name: &str, token: &str, key: &KeyAuthorization) -> Result<Placed, Failure> {
        Ok(match &self.method {
            Method::Http01 if is_token(token) => Placed::Listeners(Proof::Http01 {
                token: token.to_owned(),
                key_authorization: key.as_str().to_owned(),
            }),
            Method::Http01 => return Err(failed(Cause::Garbled("its token is none".to_owned()))),
            Method::TlsAlpn01 => {
                let digest = key.digest().as_ref().try_into();
                let digest = digest.map_err(|_| failed(Cause::Garbled("its digest is none".to_owned())))?;
                Placed::Listeners(Proof::TlsAlpn01 { name: name.to_owned(), digest })
            }
            Method::Dns01(_) => Placed::Record { name: record_name(name), value: key.dns_value() },
        })
    }

    /// Waits until who will be asked can answer.
    async fn settle(&self) {
        let time = match &self.method {
            Method::Dns01(command) => command.wait,
            Method::Http01 | Method::TlsAlpn01 => SETTLE,
        };
        self.environment.clock.sleep(time).await;
    }

    async fn tell(&self, order: &mut Order) -> Result<(), Failure> {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|error| failed(cause(error)))?;
            if authorization.status == AuthorizationStatus::Pending
                && let Some(mut challenge) = authorization.challenge(self.method.kind())
            {
                challenge.set_ready().await.map_err(|error| failed(cause(error)))?;
            }
        }
        Ok(())
    }

    async fn remove(&self, placed: Vec<Placed>) {
        for proof in placed {
            if let (Placed::Record { name, value }, Method::Dns01(command)) = (&proof, &self.method)
                && let Err(error) = command.unset(name, value).await
            {
                tracing::warn!(error, "a record of a challenge stays in the DNS");
            }
        }
        self.clear();
    }

    /// With this process at once, with others when they next look.
    fn answer(&self, proofs: Vec<Proof>) -> std::io::Result<()> {
        if !self.challenges.is_empty() || !proofs.is_empty() || self.others_answer() {
            self.store.write_json(Kind::Challenges, "", &proofs)?;
        }
        self.challenges.publish(proofs);
        Ok(())
    }

    fn others_answer(&self) -> bool {
        let read = self.store.read_json::<Vec<Proof>>(Kind::Challenges, "");
        read.is_some_and(|proofs| !proofs.is_empty())
    }
}

impl Method {
    fn kind(&self) -> ChallengeType {
        match self {
            Self::Http01 => ChallengeType::Http01,
            Self::TlsAlpn01 => ChallengeType::TlsAlpn01,
            Self::Dns01(_) => ChallengeType::Dns01,
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Http01 => "HTTP-01",
            Self::TlsAlpn01 => "TLS-ALPN-01",
            Self::Dns01(_) => "DNS-01",
        })
    }
}

fn failed(cause: Cause) -> Failure {
    Failure::new(Stage::Challenge, cause)
}

/// Whether it is a token as RFC 8555 (section 8.3) has it: it becomes a part of a path.
fn is_token(token: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !token.is_empty() && token.len() <= TOKEN_BYTES_MAX && token.bytes().all(letter)
}

/// How long replicas are given to see what they shall answer: twice as long as they take to look again.
const SETTLE: Duration = Duration::from_secs(1);
const TOKEN_BYTES_MAX: usize = 256;
