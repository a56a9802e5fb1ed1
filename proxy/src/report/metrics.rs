//! Counters in Prometheus' text format.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use engine::{Evaluation, SnapshotHashes};
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};
use signatures::collections::MemoryStore;
use transaction::Shortfall;

use super::failures::FailOpen;
use super::judged::{Judged, Took};
use super::process::Process;
use super::{AllConnections, Attachments, Certificates, Learning, Lists, Rates, Stage, Tally, Upstreams};

/// Everything that is counted. All names begin with `portcullis_`.
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    /// In the order of [`Stage::ALL`].
    stages: [Histogram; Stage::COUNT],
    uninspected: IntCounterVec,
    malformed: IntCounterVec,
    matches: IntCounterVec,
    reloads: IntCounterVec,
    reloaded: Reloaded,
    running: IntGaugeVec,
    held: IntGauge,
    upstream_errors: IntCounterVec,
    fail_open: FailOpen,
    dropped: IntCounter,
    audit_dropped: IntCounter,
    judged: Judged,
    process: Process,
    kept: Kept,
    collections: OnceLock<Arc<MemoryStore>>,
    /// What is counted of attachments.
    pub(crate) attachments: Attachments,
    /// What is counted of connections.
    pub(crate) connections: AllConnections,
    /// What is counted of lists in the DNS.
    pub(crate) lists: Lists,
    /// What is counted of upstreams.
    pub(crate) upstreams: Upstreams,
    /// What is counted of rate limits.
    pub(crate) rates: Rates,
    /// What is counted of learning.
    pub(crate) learning: Learning,
    /// What is told of certificates obtained by ACME.
    pub(crate) certificates: Certificates,
}

/// How the last reload went: a counter of failures cannot tell whether it still is so.
struct Reloaded {
    successful: IntGauge,
    success_time: IntGauge,
}

/// What is counted of persistent collections.
struct Kept {
    entries: IntGauge,
    bytes: IntGauge,
    evicted: IntGauge,
}

impl Metrics {
    /// Registers all metrics.
    pub(crate) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntCounterVec::new(Opts::new(name, help).namespace("portcullis"), labels)?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        let plain = |name: &str, help: &str| {
            let metric = IntCounter::with_opts(Opts::new(name, help).namespace("portcullis"))?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        let stage_opts =
            HistogramOpts::new("stage_seconds", "Time a request spent in each stage of inspection")
                .namespace("portcullis")
                .buckets(STAGE_BUCKETS.to_vec());
        let stages = HistogramVec::new(stage_opts, &["stage"])?;
        registry.register(Box::new(stages.clone()))?;
        let running = IntGaugeVec::new(
            Opts::new("running_info", "Hashes of what is running").namespace("portcullis"),
            &["config", "policy", "rules"],
        )?;
        registry.register(Box::new(running.clone()))?;
        let held = IntGauge::with_opts(
            Opts::new("held_bytes_max", "Most bytes of one request body withheld so far")
                .namespace("portcullis"),
        )?;
        registry.register(Box::new(held.clone()))?;
        let uninspected = counter(
            "uninspected_total",
            "Requests of which a part was not inspected, by reason",
            &["reason"],
        )?;
        let reloads = counter("reloads_total", "Reloads by result", &["result"])?;
        // What counts up from nothing to one is no increase to who did not see the nothing.
        for reason in Shortfall::ALL {
            uninspected.with_label_values(&[reason.as_str()]);
        }
        for result in ["ok", "failed"] {
            reloads.with_label_values(&[result]);
        }
        Ok(Self {
            requests: counter("requests_total", "Requests by asset and verdict", &["asset", "verdict"])?,
            stages: Stage::ALL.map(|stage| stages.with_label_values(&[stage.as_str()])),
            uninspected,
            malformed: counter(
                "malformed_requests_total",
                "Requests that servers would read differently, by reason; listeners refuse them in every mode",
                &["reason"],
            )?,
            matches: counter("rule_matches_total", "Matches by rule", &["rule"])?,
            reloads,
            reloaded: Reloaded::new(&registry)?,
            running,
            held,
            upstream_errors: counter(
                "upstream_errors_total",
                "Failed exchanges with upstreams, by kind",
                &["upstream", "kind"],
            )?,
            fail_open: FailOpen::new(&registry)?,
            dropped: plain("decisions_dropped_total", "Decision records that could not be written")?,
            audit_dropped: plain("audit_dropped_total", "Audit records that could not be written")?,
            judged: Judged::new(&registry)?,
            process: Process::new(&registry)?,
            kept: Kept::new(&registry)?,
            collections: OnceLock::new(),
            attachments: Attachments::new(&registry)?,
            connections: AllConnections::new(&registry)?,
            lists: Lists::new(&registry)?,
            upstreams: Upstreams::new(&registry)?,
            rates: Rates::new(&registry)?,
            learning: Learning::new(&registry)?,
            certificates: Certificates::new(&registry)?,
            registry,
        })
    }

    /// Says of which persistent collections it tells.
    pub(crate) fn collections(&self, store: Arc<MemoryStore>) {
        let _ = self.collections.set(store);
    }

    /// The text that a scrape gets.
    pub(crate) fn render(&self) -> Vec<u8> {
        self.collections.get().into_iter().for_each(|store| self.kept.look_at(store));
        self.upstreams.look();
        self.rates.look();
        self.process.look();
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics do not encode");
        }
        text
    }

    /// Counts one closed transaction.
    pub(super) fn transaction(
        &self,
        evaluation: &Evaluation,
        spent: &[Duration; Stage::COUNT],
        took: Took,
        tally: &Tally,
    ) {
        let verdict = evaluation.verdict();
        let named = |asset: &str| self.requests.with_label_values(&[asset, verdict.as_str()]);
        match evaluation.selection().zip(evaluation.asset()) {
            Some((selection, asset)) => tally.request(selection.asset, verdict, || named(&asset.name)),
            None => named("-").inc(),
        }
        for reason in evaluation.transaction().inspection.reasons() {
            self.uninspected.with_label_values(&[reason.as_str()]).inc();
            if !verdict.is_blocked() {
                self.fail_open.pass(reason);
            }
        }
        self.rules(evaluation);
        self.judged.transaction(evaluation, took);
        self.rates.transaction(evaluation);
        for (stage, spent) in self.stages.iter().zip(spent).filter(|(_, spent)| !spent.is_zero()) {
            stage.observe(spent.as_secs_f64());
        }
    }

    /// Counts matches by rule. Rules come from the configuration, so there are no more labels than rules.
    fn rules(&self, evaluation: &Evaluation) {
        for found in evaluation.matches().filter(|found| found.log) {
            self.matches.with_label_values(&[&found.id.to_string()]).inc();
        }
    }

    /// Notes how much of a body is withheld.
    pub(crate) fn held(&self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        if bytes > self.held.get() {
            self.held.set(bytes);
        }
    }

    /// Counts a request that was refused whatever rules say.
    pub(crate) fn malformed(&self, reason: &str) {
        self.malformed.with_label_values(&[reason]).inc();
    }

    /// Counts a failed exchange with an upstream.
    pub(crate) fn upstream_error(&self, upstream: &str, kind: &str) {
        self.upstream_errors.with_label_values(&[upstream, kind]).inc();
    }

    /// Counts a record that could not be written.
    pub(crate) fn decision_dropped(&self) {
        self.dropped.inc();
    }

    /// Counts an audit record that could not be written.
    pub(crate) fn audit_dropped(&self) {
        self.audit_dropped.inc();
    }

    /// Counts a reload.
    pub(crate) fn reload(&self, ok: bool) {
        self.reloads.with_label_values(&[if ok { "ok" } else { "failed" }]).inc();
        self.reloaded.went(ok);
    }

    /// Says which assets there are: their requests are counted from none on.
    pub(crate) fn assets<'a>(&self, names: impl Iterator<Item = &'a str>) {
        for name in names {
            for verdict in ["pass", "detect", "prevent"] {
                self.requests.with_label_values(&[name, verdict]);
            }
        }
    }

    /// Says what is running now.
    pub(crate) fn running(&self, hashes: &SnapshotHashes) {
        self.running.reset();
        self.running.with_label_values(&[&hashes.config, &hashes.policy, &hashes.rules]).set(1);
    }
}

impl Reloaded {
    /// As it is at the start, which is a load that succeeded.
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let gauge = |name: &str, help: &str| {
            let metric = IntGauge::with_opts(Opts::new(name, help).namespace("portcullis"))?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        let this = Self {
            successful: gauge(
                "config_last_reload_successful",
                "Whether the last reload, or the start, went well; while it is 0 an older configuration is in force",
            )?,
            success_time: gauge(
                "config_last_reload_success_timestamp_seconds",
                "When the configuration in force was loaded (seconds since the Unix epoch)",
            )?,
        };
        this.went(true);
        Ok(this)
    }

    fn went(&self, ok: bool) {
        self.successful.set(ok.into());
        if ok {
            self.success_time.set(jiff::Timestamp::now().as_second());
        }
    }
}

impl Kept {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let gauge = |name: &str, help: &str| {
            let metric = IntGauge::with_opts(Opts::new(name, help).namespace("portcullis"))?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        Ok(Self {
            entries: gauge("collections_entries", "Records of persistent collections")?,
            bytes: gauge("collections_bytes", "Memory of persistent collections")?,
            evicted: gauge(
                "collections_evicted",
                "Records forgotten since the start because there was no room",
            )?,
        })
    }

    fn look_at(&self, store: &MemoryStore) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.entries.set(number(store.entries()));
        self.bytes.set(number(store.bytes()));
        self.evicted.set(i64::try_from(store.evicted()).unwrap_or(i64::MAX));
    }
}

/// Upper bounds in seconds: from 5 µs, a small request, to 1 s, where something is wrong.
const STAGE_BUCKETS: [f64; 12] = [5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, 0.1, 1.0];
