//! Requests counted by rate limits.
//!
//! Counts are in memory that does not grow ([`table`]), and outlive reloads as long as their limit has its name and its
//! room. Where a limit is shared, a store counts for all instances ([`store`]); what was counted here takes its place while
//! it is away. What follows from a count is not for here to say.

mod gcra;
mod link;
mod store;
mod table;

use std::sync::Arc;
use std::time::Instant;

use engine::config::{self, Config};
use engine::{Quota, RateKey, RateLimit};
use futures_util::future::join_all;
use prometheus::IntCounter;

use crate::report::Metrics;
use gcra::Gcra;
use store::Store;
pub(crate) use table::Table;

/// The rate limits of a configuration, with what was counted.
pub(crate) struct Rates {
    limits: Vec<Counted>,
    stores: Vec<Arc<Store>>,
    /// The moment that times are counted from; the same after a reload.
    origin: Instant,
}

/// A rate limit with what was counted.
struct Counted {
    name: Arc<str>,
    quota: Quota,
    gcra: Gcra,
    table: Arc<Table>,
    store: Option<Arc<Store>>,
    forgotten: IntCounter,
}

impl Rates {
    /// The limits of a configuration, with what was counted `before`. Where it has stores, it must be called within a
    /// tokio runtime.
    pub(crate) fn new(config: &Config, before: Option<&Self>, metrics: &Metrics) -> Self {
        let stores: Vec<_> =
            config.stores.values().map(|wanted| Self::store(wanted, before, metrics)).collect();
        let counted = |limit: &Arc<RateLimit>| Counted {
            name: limit.name.clone(),
            quota: limit.quota,
            store: stores.iter().find(|it| limit.store.as_ref() == Some(&it.settings().name)).cloned(),
            gcra: Gcra::new(limit.quota),
            table: before
                .and_then(|before| before.table(limit))
                .unwrap_or_else(|| Arc::new(Table::new(limit.entries_max))),
            forgotten: metrics.rates.forgotten(&limit.name),
        };
        let rates = Self {
            limits: config.rate_limits.iter().map(counted).collect(),
            stores: stores.clone(),
            origin: before.map_or_else(Instant::now, |before| before.origin),
        };
        let tables = rates.limits.iter().map(|limit| (limit.name.clone(), Arc::clone(&limit.table)));
        metrics.rates.tables(rates.origin, tables.collect());
        rates
    }

    /// The store that is connected, if it is what is wanted; otherwise another.
    fn store(wanted: &config::Store, before: Option<&Self>, metrics: &Metrics) -> Arc<Store> {
        let kept = before.and_then(|before| before.stores.iter().find(|store| store.settings() == wanted));
        kept.cloned().unwrap_or_else(|| Arc::new(Store::start(wanted, metrics.rates.store(&wanted.name))))
    }

    fn table(&self, wanted: &RateLimit) -> Option<Arc<Table>> {
        let known = self.limits.iter().find(|limit| limit.name == wanted.name)?;
        (known.table.entries_max() == wanted.entries_max).then(|| Arc::clone(&known.table))
    }

    /// Counts a request by the limits that hold for it: how it stands with each.
    pub(crate) async fn count(&self, asked: &[(Arc<RateLimit>, RateKey)]) -> transaction::Rates {
        let mut rates = self.count_at(asked, nanos_since(self.origin));
        let shared = asked.iter().filter_map(|(wanted, key)| {
            let limit = self.limits.get(wanted.index)?;
            let store = limit.store.as_ref()?;
            Some(async { (&limit.name, store.count(&limit.name, *key, limit.quota).await) })
        });
        for (name, counted) in join_all(shared).await {
            counted.into_iter().for_each(|rate| rates.set(name.clone(), rate));
        }
        rates
    }

    /// What this instance alone says, at a moment (nanoseconds).
    fn count_at(&self, asked: &[(Arc<RateLimit>, RateKey)], now: u64) -> transaction::Rates {
        let count = |(wanted, key): &(Arc<RateLimit>, RateKey)| {
            let limit = self.limits.get(wanted.index)?;
            let (rate, forgets) = limit.table.count(*key, limit.gcra, now);
            if forgets {
                limit.forgotten.inc();
            }
            Some((limit.name.clone(), rate))
        };
        asked.iter().filter_map(count).collect()
    }
}

/// Nanoseconds since a moment.
pub(crate) fn nanos_since(origin: Instant) -> u64 {
    u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
