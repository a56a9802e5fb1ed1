//! Certificates by ACME: a thread that keeps them, and what listeners take from it.
//!
//! The thread is the crate [`acme`]'s keeper on a runtime of its own, because it reads and writes files. Listeners never wait for
//! it: what it obtains and what it answers to authorities is published in a [`Shelf`].

mod settings;
mod shelf;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use acme::{Certificate, Environment, Keeper, Names, Observer, Status, Store};
use engine::config;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

pub(crate) use shelf::Shelf;

use crate::report::Metrics;

/// Certificates that are kept.
pub(crate) struct Acme {
    settings: config::Acme,
    stop: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Certificates that are going to be kept: nothing that a configuration can get wrong is ahead.
pub(crate) struct Prepared {
    settings: config::Acme,
    wanted: Vec<Names>,
    keeper: Keeper,
    runtime: Runtime,
}

impl Prepared {
    /// Reads what there is, which is on the shelf when this returns.
    ///
    /// # Errors
    /// A directory that cannot be written, a file that cannot be read.
    pub(crate) fn new(
        settings: &config::Acme,
        shelf: &Arc<Shelf>,
        metrics: &Arc<Metrics>,
    ) -> io::Result<Self> {
        let directory = &settings.directory;
        let store = Store::open(directory);
        let store = store.map_err(|error| io::Error::other(format!("`{directory}`: {error}")))?;
        let read = settings::read(settings, store).map_err(io::Error::other)?;
        let wanted = read.wanted.clone();
        let observer = Arc::new(Reporter { shelf: Arc::clone(shelf), metrics: Arc::clone(metrics) });
        let challenges = Arc::clone(shelf.challenges());
        let keeper = Keeper::new(read, challenges, Environment::system(), observer);
        let keeper = keeper.map_err(io::Error::other)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { settings: settings.clone(), wanted, keeper, runtime })
    }

    /// Starts the thread. There must be no other one at work.
    pub(crate) fn start(self, shelf: &Shelf) -> io::Result<Acme> {
        shelf.keep_only(&self.wanted);
        let (stop, stopping) = watch::channel(false);
        let thread = std::thread::Builder::new().name("acme".into()).spawn(move || {
            self.runtime.block_on(self.keeper.run(stopping));
        })?;
        Ok(Acme { settings: self.settings, stop, thread: Mutex::new(Some(thread)) })
    }
}

impl Acme {
    /// What it was started with.
    pub(crate) fn settings(&self) -> &config::Acme {
        &self.settings
    }

    /// Ends the thread and waits for it. An order under way goes on at the next start.
    pub(crate) fn stop(&self) {
        let _ = self.stop.send(true);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that keeps certificates had ended in a panic");
        }
    }

    /// What its certificates are called in metrics.
    pub(crate) fn certificates(settings: &config::Acme) -> impl Iterator<Item = String> {
        settings.names.iter().filter_map(Names::new).map(|names| names.id())
    }
}

/// Puts what the keeper tells where it belongs.
struct Reporter {
    shelf: Arc<Shelf>,
    metrics: Arc<Metrics>,
}

impl Observer for Reporter {
    fn certificate(&self, certificate: &Certificate) {
        self.shelf.put(certificate);
    }

    fn attempt(&self, authority: &str, outcome: &'static str) {
        self.metrics.certificates.attempt(authority, outcome);
    }

    fn tokens(&self, authority: &str, left: f64) {
        self.metrics.certificates.tokens(authority, left);
    }

    fn status(&self, status: &Status) {
        let (id, failing) = (status.names.id(), status.failure.is_some());
        self.metrics.certificates.status(&id, status.until, status.next, failing);
    }
}
