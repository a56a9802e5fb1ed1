//! The applications behind the proxy: their servers, which of them are well, and which one gets a request.
//!
//! | file | has |
//! |---|---|
//! | `pool` | the servers of one upstream |
//! | `member` | one server, at one address: what is counted of it, in atomic numbers |
//! | `select` | which server gets a request, as a function of those numbers |
//! | `tries` | one request's way from server to server |
//! | `peer` | how a server is reached, and which connections are shared |
//! | `discover`, `check` | where servers are, and how they are |

mod check;
mod clock;
mod discover;
mod key;
mod member;
mod peer;
mod pool;
mod select;
#[cfg(test)]
mod tests;
mod tries;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use engine::Snapshot;
use tokio::time::{Instant, sleep_until};

use check::Checker;
use clock::Clock;
pub(crate) use member::Health;
pub(crate) use pool::Pool;
pub(crate) use tries::{Asked, Failure, Tries};

/// All upstreams of one configuration.
#[derive(Default)]
pub(crate) struct Upstreams {
    pools: BTreeMap<String, Arc<Pool>>,
    tools: Option<Tools>,
}

/// What all pools share, over all configurations.
#[derive(Clone)]
struct Tools {
    clock: Arc<Clock>,
    /// Made when the first upstream is checked: it reads the system's authorities.
    checker: Arc<OnceLock<Arc<Checker>>>,
}

impl Upstreams {
    /// The upstreams of a configuration. Those that did not change since `before` go on as they are; of others, what is known
    /// of their servers is kept.
    pub(crate) fn new(snapshot: &Snapshot, before: Option<&Self>) -> Self {
        let tools = before.and_then(|before| before.tools.clone());
        let tools =
            tools.unwrap_or_else(|| Tools { clock: Arc::new(Clock::system()), checker: Arc::default() });
        let pool = |(name, upstream): (&String, &engine::config::Upstream)| {
            let pool = Pool::new(name, upstream.clone(), snapshot.keyring(), Arc::clone(&tools.clock));
            let known = before.and_then(|before| before.get(name));
            let pool = match known {
                Some(known) if known.is_same(&pool) => Arc::clone(known),
                Some(known) => {
                    pool.inherit(known);
                    Arc::new(pool)
                }
                None => Arc::new(pool),
            };
            (name.clone(), pool)
        };
        let pools = snapshot.config().upstreams.iter().map(pool).collect();
        Self { pools, tools: Some(tools) }
    }

    /// Resolves all servers that are new here, and again from time to time for as long as anyone uses them.
    pub(crate) async fn start(&self, before: Option<&Self>) {
        for (name, pool) in &self.pools {
            let runs =
                before.and_then(|before| before.get(name)).is_some_and(|known| Arc::ptr_eq(known, pool));
            if let Some(tools) = self.tools.as_ref().filter(|_| !runs) {
                pool.refresh().await;
                tokio::spawn(watch(Arc::downgrade(pool), Arc::clone(&tools.checker)));
            }
        }
    }

    /// The upstream of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Pool>> {
        self.pools.get(name)
    }

    /// The health of every server, by upstream.
    pub(crate) fn health(&self) -> BTreeMap<String, Vec<Health>> {
        self.pools.iter().map(|(name, pool)| (name.clone(), pool.health())).collect()
    }
}

/// Resolves and checks the servers of a pool for as long as anyone uses it.
async fn watch(pool: Weak<Pool>, checker: Arc<OnceLock<Arc<Checker>>>) {
    let mut resolve_at = Instant::now() + resolve_every(&pool);
    loop {
        let Some(held) = pool.upgrade() else { return };
        let now = Instant::now();
        if now >= resolve_at {
            held.refresh().await;
            resolve_at = now + resolve_every(&pool);
        }
        let wake = match &held.settings().health_check {
            Some(check) => {
                let checker = checker.get_or_init(|| Arc::new(Checker::new()));
                check::check_all(checker, &held, check).await;
                resolve_at.min(now + check.interval)
            }
            None => resolve_at,
        };
        drop(held);
        sleep_until(wake).await;
    }
}

/// How long until names are resolved again: soon, while there is no server at all.
fn resolve_every(pool: &Weak<Pool>) -> Duration {
    let is_empty = pool.upgrade().is_none_or(|pool| pool.is_empty());
    if is_empty { RESOLVE_SOON } else { RESOLVE_EVERY }
}

/// How often names are resolved anew.
const RESOLVE_EVERY: Duration = Duration::from_secs(30);
/// How often they are while there is no server.
const RESOLVE_SOON: Duration = Duration::from_secs(2);
