//! The task that keeps certificates valid.

mod attempt;
mod follow;

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use instant_acme::Account;
use tokio::sync::watch;

use crate::authority::Authority;
use crate::certificate::{Certificate, Names};
use crate::challenge::Challenges;
use crate::client::Line;
use crate::environment::Environment;
use crate::observer::{Observer, Status};
use crate::progress::Ledger;
use crate::proving::{Method, Proving};
use crate::schedule::{self, Next, Standing};
use crate::store::{Kind, Lock, Store};

/// What is to be kept, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The directory everything is kept in.
    pub store: Store,
    /// Authorities, the preferred one first.
    pub authorities: Vec<Authority>,
    /// Where authorities write to about certificates.
    pub email: Option<String>,
    /// How it is proved that names are ours.
    pub method: Method,
    /// The names of each certificate.
    pub wanted: Vec<Names>,
    /// How long an authority may take to answer a request.
    pub answer_within: Duration,
}

/// Keeps certificates valid: orders those that are missing, renews those that end, and tells [`Observer`] of each. One process of
/// those that share a [`Store`] does so; the others take over what it obtains, and its place when it ends.
///
/// It does blocking work on small files, so it belongs on a thread of its own.
pub struct Keeper {
    settings: Settings,
    environment: Environment,
    observer: Arc<dyn Observer>,
    proving: Proving,
    counters: Vec<Counter>,
    kept: Vec<Kept>,
    lock: Option<Lock>,
    /// When a follower does next what it does seldom.
    look: Option<SystemTime>,
}

/// What is known of one authority.
struct Counter {
    line: Arc<Line>,
    account: Option<Account>,
    standing: Standing,
}

/// One of the certificates.
struct Kept {
    names: Names,
    certificate: Option<Certificate>,
    ledger: Ledger,
    /// What was last said of it.
    said: Option<Status>,
}

impl Keeper {
    /// Reads what the store holds; `observer` is told of each certificate before this returns.
    ///
    /// # Errors
    /// An authority that cannot be reached safely: roots that do not parse, or none.
    pub fn new(
        settings: Settings,
        challenges: Arc<Challenges>,
        environment: Environment,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, String> {
        let counter = |authority: &Authority| {
            let line = Line::new(authority, environment.clone(), settings.answer_within)?;
            Ok(Counter { line, account: None, standing: Standing::default() })
        };
        let counters = settings.authorities.iter().map(counter).collect::<Result<_, String>>()?;
        let proving = Proving {
            method: settings.method.clone(),
            store: settings.store.clone(),
            challenges,
            environment: environment.clone(),
        };
        let mut keeper = Self {
            kept: Vec::new(),
            settings,
            environment,
            observer,
            proving,
            counters,
            lock: None,
            look: None,
        };
        keeper.kept = keeper.settings.wanted.iter().map(|names| keeper.take_up(names)).collect();
        keeper.say();
        Ok(keeper)
    }

    /// Keeps the certificates until `stop` says true.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            () = self.keep() => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        // What was under way goes on at the next start; nothing is answered meanwhile.
        if self.lock.is_some() {
            self.proving.clear();
        }
    }

    async fn keep(&mut self) {
        loop {
            if self.lead() {
                self.step().await;
            } else {
                self.follow().await;
            }
        }
    }

    /// Does what is due, or waits for it a while: a clock may be set.
    async fn step(&mut self) {
        let now = self.environment.now();
        if let Some(index) = self.kept.iter().position(|it| self.asks_for_advice(it, now)) {
            return self.ask(index).await;
        }
        self.say();
        let times = self.kept.iter().enumerate().filter_map(|(index, it)| Some((index, self.next(it, now)?)));
        match times.min_by_key(|(index, next)| (next.at, *index)) {
            Some((index, next)) if next.at <= now => self.attempt(index, next.authority).await,
            next => {
                let wait = next.and_then(|(_, next)| next.at.duration_since(now).ok());
                self.environment.clock.sleep(wait.map_or(TICK, |wait| wait.min(TICK))).await;
            }
        }
    }

    /// When a certificate is ordered next, and from whom.
    fn next(&self, kept: &Kept, now: SystemTime) -> Option<Next> {
        let trusted: Vec<&str> = self.settings.authorities.iter().map(|it| it.name.as_str()).collect();
        let progress = &kept.ledger.progress;
        let due = progress.due(kept.certificate.as_ref(), &trusted, now);
        let due = progress.own.until.map_or(due, |until| until.max(due));
        let standings: Vec<Standing> = self
            .settings
            .authorities
            .iter()
            .zip(&self.counters)
            .map(|(it, counter)| {
                progress.standings.get(&it.name).copied().unwrap_or_default().and(counter.standing)
            })
            .collect();
        let life = kept.certificate.as_ref().map(|it| it.life);
        schedule::choose(&standings, due, schedule::is_pressing(now, life), now)
    }

    /// Whether this process orders.
    fn lead(&mut self) -> bool {
        if self.lock.is_some() {
            return true;
        }
        let now = self.environment.now();
        if self.look.is_some_and(|look| look > now) {
            return false;
        }
        match self.settings.store.try_lock() {
            Ok(Some(lock)) => {
                self.lock = Some(lock);
                self.proving.clear();
                self.take_up_all();
                true
            }
            Ok(None) => false,
            Err(error) => {
                tracing::error!(%error, "the lock cannot be taken, so no certificate is ordered");
                false
            }
        }
    }

    fn take_up(&self, names: &Names) -> Kept {
        let ledger = Ledger::read(&self.settings.store, names.id());
        let certificate = self.read(names);
        certificate.iter().for_each(|certificate| self.observer.certificate(certificate));
        Kept { names: names.clone(), certificate, ledger, said: None }
    }

    /// Reads everything again: another replica may have changed it.
    fn take_up_all(&mut self) {
        for index in 0..self.kept.len() {
            let kept = &self.kept[index];
            let ledger = Ledger::read(&self.settings.store, kept.ledger.id.clone());
            let certificate = self.read(&kept.names);
            let same = |one: &Certificate, other: &Certificate| one.chain_pem == other.chain_pem;
            let is_new = certificate
                .as_ref()
                .is_some_and(|it| kept.certificate.as_ref().is_none_or(|old| !same(it, old)));
            if let Some(certificate) = certificate.as_ref().filter(|_| is_new) {
                self.observer.certificate(certificate);
            }
            let kept = &mut self.kept[index];
            kept.ledger = ledger;
            kept.certificate = certificate.or(kept.certificate.take());
        }
        self.say();
    }

    fn read(&self, names: &Names) -> Option<Certificate> {
        let id = names.id();
        let text = self.settings.store.read(Kind::Certificate, &id).unwrap_or_else(|error| {
            tracing::error!(%names, %error, "the certificate cannot be read: another is ordered");
            None
        })?;
        // One file has both: each reader finds its own part.
        let read = Certificate::read(names, &text, &text);
        read.inspect_err(
            |error| tracing::error!(%names, error, "the certificate cannot be used: another is ordered"),
        )
        .ok()
    }

    /// Tells of what changed.
    fn say(&mut self) {
        let now = self.environment.now();
        for index in 0..self.kept.len() {
            let kept = &self.kept[index];
            let next = self.next(kept, now);
            let status = Status {
                names: kept.names.clone(),
                until: kept.certificate.as_ref().map(|it| it.life.until),
                next: next.map(|it| it.at),
                authority: next.map(|it| self.settings.authorities[it.authority].name.clone()),
                failure: kept.ledger.progress.failure.clone(),
            };
            if kept.said.as_ref() != Some(&status) {
                self.observer.status(&status);
                self.kept[index].said = Some(status);
            }
        }
        for (authority, counter) in self.settings.authorities.iter().zip(&self.counters) {
            self.observer.tokens(&authority.name, counter.line.tokens());
        }
    }
}

fn report(result: io::Result<()>, what: &str) {
    result.unwrap_or_else(|error| tracing::error!(%error, "{what} cannot be written"));
}

/// The longest wait at once.
const TICK: Duration = Duration::from_secs(300);
