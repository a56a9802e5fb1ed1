//! A store in which instances share what they count.
//!
//! A request waits for it as long as it is told, and never longer; where there is no answer, or no connection, the request
//! is counted by this instance alone. A connection that fails is given up at once, so that no further request waits for it,
//! and a task beside the requests tries again until there is one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use engine::config::Store as Settings;
use engine::{Quota, RateKey};
use redis::Script;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use transaction::Rate;

use super::link::{Link, PATIENCE, key_of};
use crate::report::StoreMetrics;

/// A store in which instances share what they count.
pub(super) struct Store {
    inner: Arc<Inner>,
    keeper: JoinHandle<()>,
}

struct Inner {
    settings: Settings,
    script: Script,
    /// `None` while the store is away.
    link: ArcSwapOption<Link>,
    /// Requests in a row that it did not answer in time.
    silent: AtomicU32,
    lost: Notify,
    metrics: StoreMetrics,
}

impl Store {
    /// Begins to connect. Must be called within a tokio runtime.
    pub(super) fn start(settings: &Settings, metrics: StoreMetrics) -> Self {
        let inner = Arc::new(Inner {
            settings: settings.clone(),
            script: Script::new(include_str!("script.lua")),
            link: ArcSwapOption::empty(),
            silent: AtomicU32::new(0),
            lost: Notify::new(),
            metrics,
        });
        let keeper = tokio::spawn(keep(Arc::clone(&inner)));
        Self { inner, keeper }
    }

    /// What it was started with.
    pub(super) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Counts a request; `None` where the store does not answer in time.
    pub(super) async fn count(&self, limit: &str, key: RateKey, quota: Quota) -> Option<Rate> {
        let inner = &self.inner;
        let Some(link) = inner.link.load_full() else {
            inner.metrics.away();
            return None;
        };
        let deadline = Instant::now() + inner.settings.timeout;
        let key = key_of(&inner.settings, limit, key);
        match timeout_at(deadline, link.count(&key, quota, &inner.script)).await {
            Ok(Ok(rate)) => {
                inner.silent.store(0, Ordering::Relaxed);
                inner.metrics.answered();
                Some(rate)
            }
            Ok(Err(error)) => {
                inner.metrics.failed();
                inner.give_up(&link, &error.to_string());
                None
            }
            Err(_) => {
                inner.metrics.late();
                if inner.silent.fetch_add(1, Ordering::Relaxed) + 1 >= SILENT_MAX {
                    inner.give_up(&link, "it does not answer in time");
                }
                None
            }
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Inner {
    /// Gives a connection up, unless somebody else did.
    fn give_up(&self, link: &Arc<Link>, why: &str) {
        let held = self.link.compare_and_swap(link, None);
        if held.as_ref().is_some_and(|held| Arc::ptr_eq(held, link)) {
            self.silent.store(0, Ordering::Relaxed);
            self.metrics.up(false);
            tracing::warn!(
                store = self.settings.name,
                why,
                "the store is away; limits hold for this instance alone"
            );
            self.lost.notify_one();
        }
    }
}

/// Connects, again and again, and sees that the connection is alive while no request does.
async fn keep(inner: Arc<Inner>) {
    inner.metrics.up(false);
    let (mut pause, mut said) = (PAUSE_MIN, false);
    loop {
        match timeout(2 * PATIENCE, Link::open(&inner.settings, &inner.script)).await {
            Ok(Ok(link)) => {
                let link = Arc::new(link);
                inner.link.store(Some(Arc::clone(&link)));
                inner.metrics.up(true);
                tracing::info!(store = inner.settings.name, "limits are shared through the store");
                watch(&inner, &link).await;
                (pause, said) = (PAUSE_MIN, false);
            }
            failed if !said => {
                let why = failed.map_or_else(
                    |_| "it does not answer".to_owned(),
                    |it| it.err().map_or_else(String::new, |it| it.to_string()),
                );
                tracing::warn!(store = inner.settings.name, why, "the store cannot be reached; trying again");
                said = true;
            }
            _ => {}
        }
        sleep(pause).await;
        pause = (2 * pause).min(PAUSE_MAX);
    }
}

/// Returns once the connection was given up.
async fn watch(inner: &Inner, link: &Arc<Link>) {
    loop {
        tokio::select! {
            () = inner.lost.notified() => return,
            () = sleep(ALIVE_EVERY) => {}
        }
        let alive = timeout(PATIENCE, link.try_out(&inner.settings, &inner.script)).await;
        match alive {
            Ok(Ok(())) => {}
            Ok(Err(error)) => inner.give_up(link, &error.to_string()),
            Err(_) => inner.give_up(link, "it does not answer"),
        }
    }
}

/// Requests in a row that a store may leave without an answer.
const SILENT_MAX: u32 = 5;
/// The time between two attempts to connect: at first, and after many.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// How often a connection is tried that no request fails on.
const ALIVE_EVERY: Duration = Duration::from_secs(1);
