//! What is counted of rate limits and of clients' addresses.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use engine::{Country, Evaluation, Standing};
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::rates::{Table, nanos_since};

/// Counters of rate limits. Names of limits come from the configuration, so there are no more labels than limits.
pub(crate) struct Rates {
    limited: IntCounterVec,
    unwelcome: IntCounterVec,
    forgotten: IntCounterVec,
    entries: IntGaugeVec,
    stores: IntGaugeVec,
    store_requests: IntCounterVec,
    tables: Mutex<Option<(Instant, Tables)>>,
}

/// Counters of one store.
pub(crate) struct StoreMetrics {
    up: IntGauge,
    answered: IntCounter,
    away: IntCounter,
    failed: IntCounter,
    late: IntCounter,
}

type Tables = Vec<(Arc<str>, Arc<Table>)>;

impl Rates {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntCounterVec::new(Opts::new(name, help).namespace("portcullis"), labels)?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        let gauge = |name: &str, help: &str, label: &str| {
            let metric = IntGaugeVec::new(Opts::new(name, help).namespace("portcullis"), &[label])?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        Ok(Self {
            limited: counter(
                "rate_limited_total",
                "Requests that were one too many, by rate limit and verdict",
                &["limit", "verdict"],
            )?,
            unwelcome: counter(
                "address_hostile_total",
                "Requests of clients on a list of addresses, or from a country, that the policy denies",
                &["by", "name", "verdict"],
            )?,
            forgotten: counter(
                "rate_limit_forgotten_total",
                "Keys forgotten because there was no room, by rate limit",
                &["limit"],
            )?,
            entries: gauge("rate_limit_entries", "Keys that rate limits remember in this process", "limit")?,
            stores: gauge(
                "rate_limit_store_up",
                "Whether limits are shared through the store; while it is 0 they hold for this instance alone",
                "store",
            )?,
            store_requests: counter(
                "rate_limit_store_requests_total",
                "Requests to be counted in a store, by what came of it; all but `ok` were counted here",
                &["store", "result"],
            )?,
            tables: Mutex::default(),
        })
    }

    /// The counter of keys that a limit forgets.
    pub(crate) fn forgotten(&self, limit: &str) -> IntCounter {
        self.forgotten.with_label_values(&[limit])
    }

    /// The counters of a store.
    pub(crate) fn store(&self, store: &str) -> StoreMetrics {
        let counter = |result: &str| self.store_requests.with_label_values(&[store, result]);
        StoreMetrics {
            up: self.stores.with_label_values(&[store]),
            answered: counter("ok"),
            away: counter("away"),
            failed: counter("error"),
            late: counter("timeout"),
        }
    }

    /// Says of which tables it tells, and from which moment their times are counted.
    pub(crate) fn tables(&self, origin: Instant, tables: Tables) {
        *self.tables.lock().unwrap_or_else(PoisonError::into_inner) = Some((origin, tables));
    }

    /// Counts what was known of the client: its address, and the limits that its request was one too many for.
    pub(super) fn transaction(&self, evaluation: &Evaluation) {
        let admission = evaluation.admission();
        let verdict = evaluation.verdict().as_str();
        match &admission.standing {
            Standing::Denied(list) => self.unwelcome.with_label_values(&["list", list, verdict]).inc(),
            Standing::Abroad => {
                let country = admission.country.as_ref().map_or("unknown", Country::as_str);
                self.unwelcome.with_label_values(&["country", country, verdict]).inc();
            }
            Standing::Allowed(_) | Standing::Ordinary => {}
        }
        for (limit, _) in evaluation.limits_exceeded() {
            self.limited.with_label_values(&[&*limit.name, evaluation.verdict().as_str()]).inc();
        }
    }

    /// Looks at how many keys are remembered.
    pub(super) fn look(&self) {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some((origin, tables)) = tables else { return };
        self.entries.reset();
        for (limit, table) in tables {
            let entries = i64::try_from(table.entries(nanos_since(origin))).unwrap_or(i64::MAX);
            self.entries.with_label_values(&[&*limit]).set(entries);
        }
    }
}

impl StoreMetrics {
    /// Says whether limits are shared.
    pub(crate) fn up(&self, is_up: bool) {
        self.up.set(is_up.into());
    }

    /// Counts a request that the store counted.
    pub(crate) fn answered(&self) {
        self.answered.inc();
    }

    /// Counts a request for which the store was not there.
    pub(crate) fn away(&self) {
        self.away.inc();
    }

    /// Counts a request for which the store failed.
    pub(crate) fn failed(&self) {
        self.failed.inc();
    }

    /// Counts a request that the store did not answer in time.
    pub(crate) fn late(&self) {
        self.late.inc();
    }
}
