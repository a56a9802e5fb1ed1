//! One attempt at one certificate with one authority, and what is remembered of how it went.

use std::time::{Duration, SystemTime};

use instant_acme::{Account, AccountCredentials, ExternalAccountKey, NewAccount};

use super::{Keeper, Kept, report};
use crate::certificate::{Certificate, digest};
use crate::client::{Client, cause};
use crate::failure::{Blame, Cause, Failure, Scope, Stage};
use crate::order::Desk;
use crate::progress::{Advice, Progress};
use crate::schedule::{self, Span, Standing};
use crate::store::Kind;

impl Keeper {
    /// Tries to obtain a certificate.
    pub(super) async fn attempt(&mut self, index: usize, authority: usize) {
        match self.obtain(index, authority).await {
            Ok(certificate) => self.obtained(index, authority, certificate),
            Err(failure) => self.failed(index, authority, &failure),
        }
    }

    async fn obtain(&mut self, index: usize, authority: usize) -> Result<Certificate, Failure> {
        let account = self.account(authority).await?;
        let name = &self.settings.authorities[authority].name;
        let Kept { names, certificate, ledger, .. } = &mut self.kept[index];
        let progress = &ledger.progress;
        // Some authorities give who renews what they issued a place of its own. Where that goes wrong it is not tried again.
        let has_failed = progress.standings.contains_key(name);
        let is_theirs = progress.issuer.as_ref() == Some(name) && progress.advice.window.is_some();
        let desk = Desk {
            authority: name,
            line: &self.counters[authority].line,
            account: &account,
            proving: &self.proving,
            environment: &self.environment,
            replaced: certificate.as_ref().filter(|_| is_theirs && !has_failed),
        };
        desk.obtain(names, ledger).await
    }

    fn obtained(&mut self, index: usize, authority: usize, certificate: Certificate) {
        let now = self.environment.now();
        let name = self.settings.authorities[authority].name.clone();
        self.counters[authority].standing = Standing::default();
        let kept = &mut self.kept[index];
        let pem = format!("{}{}", certificate.key_pem, certificate.chain_pem);
        report(self.settings.store.write(Kind::Certificate, &kept.ledger.id, &pem), "a certificate");
        kept.ledger.progress =
            Progress { issuer: Some(name.clone()), obtained: Some(now), ..Progress::default() };
        report(kept.ledger.save(), "progress");
        tracing::info!(names = %kept.names, authority = name, "certificate obtained");
        self.observer.certificate(&certificate);
        self.observer.attempt(&name, "obtained");
        kept.certificate = Some(certificate);
    }

    fn failed(&mut self, index: usize, authority: usize, failure: &Failure) {
        let now = self.environment.now();
        let unit = self.environment.chance.unit();
        let it = failure.consequence();
        let name = self.settings.authorities[authority].name.clone();
        let counter = &mut self.counters[authority];
        let kept = &mut self.kept[index];
        let progress = &mut kept.ledger.progress;
        let standing = match (it.blame, it.scope) {
            (Blame::None, _) => &mut progress.own,
            (_, Scope::Authority) => &mut counter.standing,
            (_, Scope::Certificate) => progress.standings.entry(name.clone()).or_default(),
        };
        standing.failures = standing.failures.saturating_add(1);
        standing.refused = it.blame == Blame::Refuses;
        let wait = schedule::wait(it.wait, standing.failures, unit);
        standing.until = Some(now + wait);
        let tried_enough =
            standing.failures.is_multiple_of(ORDER_FAILURES_MAX) && failure.word() != "rate_limited";
        if it.scope == Scope::Authority {
            // Its directory may have changed.
            counter.account = None;
        } else if it.blame != Blame::None {
            // It answers.
            counter.standing = Standing::default();
        }
        if it.forgets_account {
            let id = self.settings.account_id(authority);
            report(self.settings.store.remove(Kind::Account, &id), "an account");
        }
        if !it.keeps_order || tried_enough {
            progress.open = None;
        }
        progress.failure = Some(format!("{name}: {failure}"));
        report(kept.ledger.save(), "progress");
        tracing::warn!(
            names = %kept.names,
            authority = name,
            seconds = wait.as_secs(),
            "no certificate: {failure}; this authority is not asked again before that time"
        );
        self.observer.attempt(&name, failure.word());
    }

    /// Our account with an authority: the one used before, the one on disk, or a new one.
    async fn account(&mut self, authority: usize) -> Result<Account, Failure> {
        if let Some(account) = &self.counters[authority].account {
            return Ok(account.clone());
        }
        let id = self.settings.account_id(authority);
        let builder = Account::builder_with_http(Box::new(Client(self.counters[authority].line.clone())));
        let failed = |error| Failure::new(Stage::Account, cause(error));
        let stored: Option<AccountCredentials> = self.settings.store.read_json(Kind::Account, &id);
        let account = match stored {
            Some(credentials) => builder.from_credentials(credentials).await.map_err(failed)?,
            None => {
                let authority = &self.settings.authorities[authority];
                let contact = self.settings.email.as_ref().map(|email| format!("mailto:{email}"));
                let contact: Vec<&str> = contact.as_deref().into_iter().collect();
                let wanted = NewAccount {
                    contact: &contact,
                    terms_of_service_agreed: true,
                    only_return_existing: false,
                };
                let binding = authority.binding.as_ref();
                let binding = binding.map(|it| ExternalAccountKey::new(it.kid.clone(), &it.hmac_key));
                let created = builder.create(&wanted, authority.directory.clone(), binding.as_ref()).await;
                let (account, credentials) = created.map_err(failed)?;
                let written = self.settings.store.write_json(Kind::Account, &id, &credentials);
                written.map_err(|error| Failure::new(Stage::Account, Cause::Local(error.to_string())))?;
                account
            }
        };
        self.counters[authority].account = Some(account.clone());
        Ok(account)
    }

    /// Whether it is time to ask who issued a certificate when it is to be renewed.
    pub(super) fn asks_for_advice(&self, kept: &Kept, now: SystemTime) -> bool {
        let Some(certificate) = &kept.certificate else { return false };
        let Advice { ask, .. } = kept.ledger.progress.advice;
        certificate.life.until > now && self.issuer(kept).is_some() && ask.is_none_or(|ask| ask <= now)
    }

    fn issuer(&self, kept: &Kept) -> Option<usize> {
        let name = kept.ledger.progress.issuer.as_ref()?;
        self.settings.authorities.iter().position(|it| it.name == *name)
    }

    /// Asks for it.
    pub(super) async fn ask(&mut self, index: usize) {
        let advice = self.advice(index).await;
        let now = self.environment.now();
        let progress = &mut self.kept[index].ledger.progress;
        // That there is none is not worth a file.
        let Some((window, again)) = advice else { return progress.unadvised(now) };
        progress.advised(window, again, now, self.environment.chance.unit());
        report(self.kept[index].ledger.save(), "progress");
    }

    async fn advice(&mut self, index: usize) -> Option<(Span, Duration)> {
        let authority = self.issuer(&self.kept[index])?;
        let identifier = self.kept[index].certificate.as_ref()?.identifier()?;
        let account = self.account(authority).await.ok()?;
        match account.renewal_info(&identifier).await {
            Ok((info, again)) => {
                let window = info.suggested_window;
                let time = |seconds: i64| {
                    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap_or(0))
                };
                let (from, until) = (time(window.start.unix_timestamp()), time(window.end.unix_timestamp()));
                // A window that ends before it begins is no advice.
                (from < until).then_some((Span { from, until }, again))
            }
            Err(error) => {
                let failure = Failure::new(Stage::Certificate, cause(error));
                tracing::debug!(names = %self.kept[index].names, "no advice on renewal: {failure}");
                None
            }
        }
    }
}

impl super::Settings {
    /// What the file of an account is called. Another directory is another account, even under the same name.
    fn account_id(&self, authority: usize) -> String {
        let authority = &self.authorities[authority];
        format!("{}-{}", authority.name, digest(authority.directory.as_bytes()))
    }
}

/// Failures after which an order is not taken up again (count): there may be something about it.
const ORDER_FAILURES_MAX: u32 = 5;
