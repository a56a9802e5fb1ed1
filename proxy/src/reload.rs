//! A new configuration in place of the old, without a request noticing.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use engine::SnapshotHashes;
use engine::config::{Admin, DecisionLog, Rbl};

use crate::acme::{Acme, Shelf};
use crate::collections::Collections;
use crate::learning::Learning;
use crate::listen::Listeners;
use crate::lists::Lists;
use crate::load::{Loaded, Source};
use crate::rates::Rates;
use crate::report::{Decisions, Metrics, Probes, Reports};
use crate::state::{Running, Shared};
use crate::upstream::Upstreams;
use crate::watch::{Fingerprint, fingerprint};

/// Builds configurations and remembers how that went.
pub(crate) struct Reloader {
    source: Arc<dyn Source>,
    metrics: Arc<Metrics>,
    probes: Arc<Probes>,
    decisions: Mutex<(DecisionLog, Arc<Decisions>)>,
    learning: Mutex<Option<Arc<Learning>>>,
    lists: Mutex<Option<Arc<Lists>>>,
    rates: Mutex<Arc<Rates>>,
    collections: Arc<Collections>,
    listeners: OnceLock<Arc<Listeners>>,
    acme: Mutex<Option<Arc<Acme>>>,
    shelf: Arc<Shelf>,
    /// What only a restart changes.
    admin: Option<Admin>,
    files: Mutex<Vec<PathBuf>>,
    /// What these were like when they were read.
    seen: Mutex<Fingerprint>,
    status: ArcSwap<Status>,
    /// One reload at a time.
    turn: tokio::sync::Mutex<()>,
}

/// How the last reload went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    /// What is running.
    pub(crate) hashes: SnapshotHashes,
    /// Why the last reload changed nothing.
    pub(crate) last_reload_error: Option<String>,
    /// When the running configuration was loaded (RFC 3339).
    pub(crate) loaded_at: String,
}

impl Reloader {
    /// Opens what the first configuration writes to.
    pub(crate) fn new(source: Arc<dyn Source>, metrics: Arc<Metrics>, loaded: &Loaded) -> io::Result<Self> {
        let settings = loaded.config();
        let decisions = Arc::new(Decisions::start(&settings.decisions)?);
        let collections = Arc::new(Collections::start(&settings.collections)?);
        let lists = settings.rbl.as_ref().map(|settings| Lists::start(settings, &metrics)).transpose()?;
        let rates = Rates::new(settings, None, &metrics);
        metrics.running(loaded.snapshot.hashes());
        metrics.collections(Arc::clone(collections.store()));
        Ok(Self {
            source,
            metrics,
            probes: Arc::default(),
            decisions: Mutex::new((settings.decisions.clone(), decisions)),
            learning: Mutex::default(),
            lists: Mutex::new(lists.map(Arc::new)),
            rates: Mutex::new(Arc::new(rates)),
            collections,
            listeners: OnceLock::new(),
            acme: Mutex::default(),
            shelf: Arc::default(),
            admin: settings.admin.clone(),
            files: Mutex::new(loaded.files.clone()),
            seen: Mutex::new(fingerprint(&loaded.files)),
            status: ArcSwap::from_pointee(Status::of(loaded)),
            turn: tokio::sync::Mutex::new(()),
        })
    }

    /// A configuration at work.
    ///
    /// Upstreams go on as they are `before`, as far as the configuration is the same.
    pub(crate) fn running(&self, loaded: &Loaded, before: Option<&Upstreams>) -> Running {
        self.metrics.assets(loaded.config().assets.iter().map(|asset| &*asset.name));
        let (_, decisions) = &*self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        let reports =
            Reports::new(Arc::clone(&self.metrics), Arc::clone(decisions), Arc::clone(&self.probes));
        let upstreams = Arc::new(Upstreams::new(&loaded.snapshot, before));
        let collections = Arc::clone(self.collections.store());
        let running = Running {
            snapshot: Arc::clone(&loaded.snapshot),
            upstreams,
            reports,
            lessons: None,
            lists: self.lists.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            rates: Arc::clone(&self.rates.lock().unwrap_or_else(PoisonError::into_inner)),
            collections,
        };
        match self.learning() {
            Some(learning) => learning.join(&running),
            None => running,
        }
    }

    /// Begins to learn, as the first configuration says.
    pub(crate) fn learn(&self, shared: &Shared, loaded: &Loaded) -> io::Result<()> {
        *self.learning.lock().unwrap_or_else(PoisonError::into_inner) =
            self.wanted_learning(shared, loaded)?;
        self.join_learning(shared);
        Ok(())
    }

    fn join_learning(&self, shared: &Shared) {
        if let Some(learning) = self.learning() {
            shared.running.rcu(|running| learning.join(running));
        }
    }

    /// Learns what is queued and writes it.
    pub(crate) async fn stop_learning(&self) {
        self.replace_learning(None).await;
    }

    fn learning(&self) -> Option<Arc<Learning>> {
        self.learning.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The learning that is at work, if it is what the configuration wants; otherwise another.
    fn wanted_learning(&self, shared: &Shared, loaded: &Loaded) -> io::Result<Option<Arc<Learning>>> {
        let Some(wanted) = loaded.config().learning.as_ref().filter(|it| it.learns) else { return Ok(None) };
        if let Some(learning) = self.learning().filter(|it| it.settings() == wanted) {
            return Ok(Some(learning));
        }
        let started = Learning::start(wanted, &self.metrics, Arc::downgrade(&shared.running));
        started.map(|learning| Some(Arc::new(learning))).map_err(io::Error::other)
    }

    /// Puts another learning, or none, in place of the one at work, which ends.
    async fn replace_learning(&self, wanted: Option<Arc<Learning>>) {
        let old = {
            let mut held = self.learning.lock().unwrap_or_else(PoisonError::into_inner);
            let same = match (&*held, &wanted) {
                (Some(held), Some(wanted)) => Arc::ptr_eq(held, wanted),
                (None, _) => true,
                (Some(_), None) => false,
            };
            let old = std::mem::replace(&mut *held, wanted);
            old.filter(|_| !same)
        };
        if let Some(old) = old {
            // It writes a file.
            let _ = tokio::task::spawn_blocking(move || old.stop()).await;
        }
    }

    /// Certificates that were obtained, and what is answered to authorities.
    pub(crate) fn shelf(&self) -> &Arc<Shelf> {
        &self.shelf
    }

    /// Begins to keep certificates, as the first configuration says.
    pub(crate) async fn keep_certificates(&self, loaded: &Loaded) -> io::Result<()> {
        let wanted = self.wanted_certificates(loaded).await?;
        self.replace_certificates(loaded.config().acme.as_ref(), wanted).await
    }

    /// Ends it.
    pub(crate) async fn stop_certificates(&self) {
        let held = self.acme.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(acme) = held {
            let _ = tokio::task::spawn_blocking(move || acme.stop()).await;
        }
    }

    /// What is to be kept, if that is not what is kept already.
    async fn wanted_certificates(&self, loaded: &Loaded) -> io::Result<Option<crate::acme::Prepared>> {
        let held = self.acme.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let wanted = loaded.config().acme.as_ref().filter(|it| !it.names.is_empty());
        let wanted = wanted.filter(|wanted| held.as_ref().is_none_or(|held| held.settings() != *wanted));
        let Some(settings) = wanted.cloned() else { return Ok(None) };
        let (shelf, metrics) = (Arc::clone(&self.shelf), Arc::clone(&self.metrics));
        // It reads and writes files.
        let prepare = move || crate::acme::Prepared::new(&settings, &shelf, &metrics);
        tokio::task::spawn_blocking(prepare).await.map_err(io::Error::other)?.map(Some)
    }

    async fn replace_certificates(
        &self,
        settings: Option<&engine::config::Acme>,
        prepared: Option<crate::acme::Prepared>,
    ) -> io::Result<()> {
        let held = self.acme.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if prepared.is_none() && held.as_ref().map(|held| held.settings()) == settings {
            return Ok(());
        }
        self.stop_certificates().await;
        let kept: Vec<String> = settings.into_iter().flat_map(Acme::certificates).collect();
        let before = held.iter().flat_map(|held| Acme::certificates(held.settings()));
        before.filter(|it| !kept.contains(it)).for_each(|it| self.metrics.certificates.forget(&it));
        if prepared.is_none() {
            self.shelf.clear();
        }
        let started = prepared.map(|prepared| prepared.start(&self.shelf)).transpose()?;
        *self.acme.lock().unwrap_or_else(PoisonError::into_inner) = started.map(Arc::new);
        Ok(())
    }

    /// Writes what was learned, or takes it up if somebody else changed it, before the file is read.
    async fn save_learning(&self) {
        if let Some(learning) = self.learning() {
            let _ = tokio::task::spawn_blocking(move || learning.save()).await;
        }
    }

    /// Writes what was learned and what rules remember.
    pub(crate) async fn save(&self) {
        self.save_learning().await;
        self.with_collections(Collections::save).await;
    }

    /// Leaves persistent collections to another process.
    pub(crate) async fn leave_collections(&self) {
        self.with_collections(Collections::leave).await;
    }

    /// Writes persistent collections a last time.
    pub(crate) async fn stop_collections(&self) {
        self.with_collections(Collections::stop).await;
    }

    /// Does what waits for a disk.
    async fn with_collections(&self, act: fn(&Collections)) {
        let collections = Arc::clone(&self.collections);
        let _ = tokio::task::spawn_blocking(move || act(&collections)).await;
    }

    /// How the last reload went.
    pub(crate) fn status(&self) -> Arc<Status> {
        self.status.load_full()
    }

    /// Requests that are waited for.
    pub(crate) fn probes(&self) -> &Probes {
        &self.probes
    }

    /// The counters.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Opens the listeners of the first configuration; reloads change them from there on.
    pub(crate) async fn listen(&self, listeners: &Arc<Listeners>, loaded: &Loaded) -> Result<(), String> {
        let prepared = listeners.prepare(loaded).map_err(|error| error.to_string())?;
        listeners.apply(prepared, loaded).await.map_err(|error| error.to_string())?;
        let _ = self.listeners.set(Arc::clone(listeners));
        Ok(())
    }

    /// Opens log files anew: they may have been rotated.
    pub(crate) fn reopen(&self) {
        self.decisions.lock().unwrap_or_else(PoisonError::into_inner).1.reopen();
    }

    /// Waits until everything queued for the decision log was written.
    pub(crate) fn flush(&self) {
        self.decisions.lock().unwrap_or_else(PoisonError::into_inner).1.flush();
    }

    /// Loads the configuration and puts it in place of the running one; a bad one changes nothing.
    pub(crate) async fn reload(&self, shared: &Shared) {
        let _turn = self.turn.lock().await;
        self.save_learning().await;
        let (files, seen, loaded) = self.read().await;
        let applied = match loaded {
            Ok(loaded) => self.apply(shared, &loaded).await.map_err(|error| error.to_string()),
            Err(text) => Err(text),
        };
        self.see(&files, seen);
        self.metrics.reload(applied.is_ok());
        if let Err(text) = applied {
            tracing::error!("reload failed, the old configuration keeps running\n{text}");
            let old = self.status.load();
            self.status.store(Arc::new(Status { last_reload_error: Some(text), ..(**old).clone() }));
        }
    }

    /// Reads the configuration; once more, if a file changed meanwhile, so that what runs is never half of one and half of the next. With it,
    /// what the files were like before that.
    async fn read(&self) -> (Vec<PathBuf>, Fingerprint, Result<Loaded, String>) {
        let files = self.watched();
        let mut rounds = READ_ROUNDS_MAX;
        loop {
            let seen = fingerprint(&files);
            let source = Arc::clone(&self.source);
            // Reading files and compiling rules takes a while; requests go on meanwhile.
            let load = move || source.load().inspect(|loaded| loaded.snapshot.build_matchers());
            let loaded =
                tokio::task::spawn_blocking(load).await.unwrap_or_else(|error| Err(error.to_string()));
            rounds -= 1;
            if rounds == 0 || fingerprint(&files) == seen {
                return (files, seen, loaded);
            }
        }
    }

    async fn apply(&self, shared: &Shared, loaded: &Loaded) -> io::Result<()> {
        // What may be refused by the system comes first.
        let listeners = self.listeners.get();
        let prepared = listeners.map(|it| it.prepare(loaded)).transpose().map_err(io::Error::other)?;
        let learning = self.wanted_learning(shared, loaded)?;
        let certificates = self.wanted_certificates(loaded).await?;
        self.replace_certificates(loaded.config().acme.as_ref(), certificates).await?;
        self.replace_lists(loaded.config().rbl.as_ref())?;
        self.replace_decisions(&loaded.config().decisions)?;
        self.replace_rates(loaded);
        self.replace_learning(learning).await;
        let before = Arc::clone(&shared.running.load().upstreams);
        let running = self.running(loaded, Some(&before));
        running.upstreams.start(Some(&before)).await;
        self.metrics.upstreams.tell_of(Arc::downgrade(&running.upstreams));
        shared.running.store(Arc::new(running));
        if let Some((listeners, prepared)) = listeners.zip(prepared) {
            listeners.apply(prepared, loaded).await.map_err(io::Error::other)?;
        }
        // Something may have been published while the upstreams were looked up.
        self.join_learning(shared);
        self.status.store(Arc::new(Status::of(loaded)));
        self.metrics.running(loaded.snapshot.hashes());
        self.files.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&loaded.files);
        let address = |admin: &Option<Admin>| admin.as_ref().map(|admin| admin.address);
        if address(&self.admin) != address(&loaded.config().admin) {
            tracing::warn!("the admin listener changes at the next start, not by a reload");
        }
        if *self.collections.settings() != loaded.config().collections {
            tracing::warn!("where collections are kept changes at the next start, not by a reload");
        }
        if !loaded.warnings.is_empty() {
            tracing::warn!("{}", loaded.warnings);
        }
        tracing::info!(config = %loaded.snapshot.hashes().config, "reloaded");
        Ok(())
    }

    /// Keeps the lists, with what they said, if they are what the configuration wants.
    fn replace_lists(&self, wanted: Option<&Rbl>) -> io::Result<()> {
        let mut held = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |wanted: &&Rbl| held.as_ref().is_some_and(|lists| lists.fits(wanted));
        if wanted.filter(fits).is_none() {
            let started = wanted.map(|wanted| Lists::start(wanted, &self.metrics)).transpose()?;
            *held = started.map(Arc::new);
        }
        Ok(())
    }

    /// Keeps what was counted by limits that are still there.
    fn replace_rates(&self, loaded: &Loaded) {
        let mut held = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Arc::new(Rates::new(loaded.config(), Some(&held), &self.metrics));
    }

    fn replace_decisions(&self, wanted: &DecisionLog) -> io::Result<()> {
        let mut held = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 != *wanted {
            *held = (wanted.clone(), Arc::new(Decisions::start(wanted)?));
        }
        Ok(())
    }

    /// Remembers what the files were like; of those that are new, what they are like now.
    fn see(&self, files: &[PathBuf], seen: Fingerprint) {
        let watched = self.watched();
        let seen = if watched == files { seen } else { fingerprint(&watched) };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    /// Whether a file is not what it was when it was read.
    pub(crate) fn has_changed(&self) -> bool {
        fingerprint(&self.watched()) != *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The files that the running configuration was read from.
    pub(crate) fn watched(&self) -> Vec<PathBuf> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Status {
    fn of(loaded: &Loaded) -> Self {
        Self {
            hashes: loaded.snapshot.hashes().clone(),
            last_reload_error: None,
            loaded_at: jiff::Timestamp::now().to_string(),
        }
    }
}

/// How often a configuration is read that changes while it is.
const READ_ROUNDS_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A configuration whose file changes while it is read, so many times.
    struct Changing {
        file: PathBuf,
        changes: usize,
        reads: AtomicUsize,
    }

    impl Source for Changing {
        fn load(&self) -> Result<Loaded, String> {
            let read = self.reads.fetch_add(1, Ordering::Relaxed);
            if read < self.changes {
                std::fs::write(&self.file, ".".repeat(read + 2)).map_err(|error| error.to_string())?;
            }
            Ok(Loaded { files: vec![self.file.clone()], ..Loaded::default() })
        }
    }

    #[tokio::test]
    async fn what_changes_while_it_is_read_is_read_again() {
        for (changes, reads) in [(0, 1), (1, 2), (2, 3), (1_000, READ_ROUNDS_MAX)] {
            let file = tempfile::NamedTempFile::new().expect("a file");
            let source = Changing { file: file.path().to_owned(), changes, reads: AtomicUsize::new(0) };
            let source = Arc::new(source);
            let loaded = Loaded { files: vec![file.path().to_owned()], ..Loaded::default() };
            let metrics = Arc::new(Metrics::new().expect("metrics"));
            let reloader =
                Reloader::new(Arc::clone(&source) as Arc<dyn Source>, metrics, &loaded).expect("opened");
            let (_, seen, loaded) = reloader.read().await;
            assert!(loaded.is_ok());
            assert_eq!(source.reads.load(Ordering::Relaxed), reads, "{changes}");
            assert_eq!(
                seen == fingerprint(&[file.path().to_owned()]),
                changes < READ_ROUNDS_MAX,
                "{changes}"
            );
        }
    }
}
