//! One certificate from one authority: an order, from its beginning or from where it stopped.

use std::time::Duration;

use instant_acme::{Account, Identifier, NewOrder, Order, OrderStatus};

use crate::certificate::{self, Certificate, Names};
use crate::client::{Line, cause, refused};
use crate::environment::Environment;
use crate::failure::{Cause, Failure, Stage};
use crate::progress::{Ledger, OpenOrder};
use crate::proving::Proving;

/// What is needed to obtain a certificate.
pub(crate) struct Desk<'a> {
    pub(crate) authority: &'a str,
    pub(crate) line: &'a Line,
    pub(crate) account: &'a Account,
    pub(crate) proving: &'a Proving,
    pub(crate) environment: &'a Environment,
    /// The certificate that the new one takes the place of.
    pub(crate) replaced: Option<&'a Certificate>,
}

impl Desk<'_> {
    /// Obtains a certificate. What it is about to do is written to `ledger` first, so that the next attempt goes on from there.
    pub(crate) async fn obtain(&self, names: &Names, ledger: &mut Ledger) -> Result<Certificate, Failure> {
        let mut order = match self.resume(ledger).await? {
            Some(order) => order,
            None => self.begin(names, ledger).await?,
        };
        let key_pem = ledger.progress.open.as_ref().map(|open| open.key_pem.clone()).unwrap_or_default();
        for round in 0..ROUNDS_MAX {
            match order.state().status {
                OrderStatus::Pending => {
                    let looked = async |order: &mut Order| self.wait_while_pending(order).await;
                    self.proving.prove(&mut order, names, looked).await?;
                }
                OrderStatus::Ready => {
                    let csr = certificate::request(names, &key_pem).map_err(local)?;
                    order.finalize_csr(&csr).await.map_err(at(Stage::Certificate))?;
                }
                OrderStatus::Processing => {
                    self.pause(round).await;
                    order.refresh().await.map_err(at(Stage::Certificate))?;
                }
                OrderStatus::Valid => return self.fetch(&mut order, names, &key_pem).await,
                OrderStatus::Invalid => return Err(why_invalid(&mut order).await),
            }
        }
        let text = format!("the order stays {:?}", order.state().status);
        Err(Failure::new(Stage::Certificate, Cause::Unreachable(text)))
    }

    /// The order under way, unless it came to nothing.
    async fn resume(&self, ledger: &mut Ledger) -> Result<Option<Order>, Failure> {
        let Some(open) = ledger.progress.open.as_ref().filter(|it| it.authority == self.authority) else {
            return Ok(None);
        };
        let failure = match self.account.order(open.url.clone()).await {
            Ok(mut order) => match order.state().status {
                OrderStatus::Invalid => None,
                _ => return Ok(Some(order)),
            },
            Err(error) => Some(at(Stage::Resume)(error)),
        };
        // It expired, or was forgotten: there are others.
        match failure {
            Some(failure) if failure.consequence().keeps_order => Err(failure),
            Some(failure) if failure.consequence().forgets_account => Err(failure),
            _ => {
                ledger.progress.open = None;
                Ok(None)
            }
        }
    }

    async fn begin(&self, names: &Names, ledger: &mut Ledger) -> Result<Order, Failure> {
        let identifiers: Vec<_> = names.iter().map(|name| Identifier::Dns(name.to_owned())).collect();
        let mut wanted = NewOrder::new(&identifiers);
        if let Some(identifier) = self.replaced.and_then(Certificate::identifier) {
            wanted = wanted.replaces(identifier);
        }
        let key_pem = certificate::new_key().map_err(local)?;
        let order = self.account.new_order(&wanted).await.map_err(at(Stage::Order))?;
        let (authority, url) = (self.authority.to_owned(), order.url().to_owned());
        ledger.progress.open = Some(OpenOrder { authority, url, key_pem });
        ledger.save().map_err(|error| local(error.to_string()))?;
        Ok(order)
    }

    async fn wait_while_pending(&self, order: &mut Order) -> Result<(), Failure> {
        let began = self.environment.now();
        for round in 0..ROUNDS_MAX {
            // Other certificates wait for this one.
            if self.environment.now() > began + PENDING_MAX {
                break;
            }
            self.pause(round).await;
            let state = order.refresh().await.map_err(at(Stage::Challenge))?;
            if state.status != OrderStatus::Pending {
                return Ok(());
            }
        }
        let text = "the authority does not say whether it found what it was told to look for".to_owned();
        Err(Failure::new(Stage::Challenge, Cause::Invalid(text)))
    }

    /// As long as the authority asks for between two looks; without a word a little longer each time.
    async fn pause(&self, round: u32) {
        let usual = Duration::from_secs(1).saturating_mul(round + 1).min(PAUSE_MAX);
        let pause = self.line.pause().unwrap_or(usual).clamp(PAUSE_MIN, PAUSE_TOLD_MAX);
        self.environment.clock.sleep(pause).await;
    }

    async fn fetch(&self, order: &mut Order, names: &Names, key_pem: &str) -> Result<Certificate, Failure> {
        let garbled = |text| Failure::new(Stage::Certificate, Cause::Garbled(text));
        let chain = order.certificate().await.map_err(at(Stage::Certificate))?;
        let chain = chain.ok_or_else(|| garbled("there is no certificate".to_owned()))?;
        // What does not fit will not fit the next time: another order is begun.
        let certificate = Certificate::read(names, &chain, key_pem)
            .map_err(|text| Failure::new(Stage::Certificate, Cause::Invalid(text)))?;
        if certificate.life.until <= self.environment.now() {
            let text = "it has ended already: the clock here or there is wrong".to_owned();
            return Err(Failure::new(Stage::Certificate, Cause::Invalid(text)));
        }
        Ok(certificate)
    }
}

/// Why an order was given up: what its challenges say, as far as they can be asked.
async fn why_invalid(order: &mut Order) -> Failure {
    let mut reasons: Vec<String> = Vec::new();
    if let Some(problem) = &order.state().error {
        reasons.push(refused(problem, problem.status.unwrap_or_default(), None).detail);
    }
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let Ok(mut authorization) = authorization else { break };
        let name = authorization.identifier().to_string();
        let Ok(state) = authorization.refresh().await else { break };
        for problem in state.challenges.iter().filter_map(|challenge| challenge.error.as_ref()) {
            let refusal = refused(problem, problem.status.unwrap_or_default(), None);
            reasons.push(format!("{name}: {} {}", refusal.kind, refusal.detail));
        }
    }
    if reasons.is_empty() {
        reasons.push("it does not say why".to_owned());
    }
    Failure::new(Stage::Challenge, Cause::Invalid(reasons.join("; ")))
}

fn at(stage: Stage) -> impl Fn(instant_acme::Error) -> Failure {
    move |error| Failure::new(stage, cause(error))
}

fn local(text: String) -> Failure {
    Failure::new(Stage::Certificate, Cause::Local(text))
}

/// Looks at an order's state, at most (count).
const ROUNDS_MAX: u32 = 30;
/// How long an authority may take to find what it was told to look for.
const PENDING_MAX: Duration = Duration::from_secs(300);
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Between two looks; an authority that asks for more is asked again at the next attempt.
const PAUSE_TOLD_MAX: Duration = Duration::from_secs(60);
