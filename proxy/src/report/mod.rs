//! What is written down: decision records and metrics. Neither ever delays a request.

mod attachments;
mod audit;
mod certificates;
mod connections;
mod decisions;
mod failures;
mod judged;
mod learning;
mod lists;
mod metrics;
mod probes;
mod process;
mod rates;
mod seldom;
mod tally;
mod upstreams;

use std::sync::Arc;
use std::time::Duration;

use engine::{AuditRecord, Evaluation, Outcome};

pub(crate) use attachments::Attachments;
pub(crate) use certificates::Certificates;
pub(crate) use connections::{AllConnections, Connections};
pub(crate) use decisions::Decisions;
pub(crate) use judged::Took;
pub(crate) use learning::{Learning, Taught};
pub(crate) use lists::Lists;
pub(crate) use metrics::Metrics;
pub(crate) use probes::Probes;
use rates::Rates;
pub(crate) use rates::StoreMetrics;
pub(crate) use seldom::{Seldom, SeldomEach};
use tally::Tally;
use upstreams::Upstreams;

/// The stages of inspection that are timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Parse,
    RequestHeaders,
    RequestBody,
    RequestEnd,
    ResponseHeaders,
    ResponseBody,
    ResponseEnd,
}

impl Stage {
    /// All stages, in the order of a request.
    pub(crate) const ALL: [Self; Self::COUNT] = [
        Self::Parse,
        Self::RequestHeaders,
        Self::RequestBody,
        Self::RequestEnd,
        Self::ResponseHeaders,
        Self::ResponseBody,
        Self::ResponseEnd,
    ];
    /// How many there are.
    pub(crate) const COUNT: usize = 7;

    /// The value of the label `stage`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::RequestHeaders => "request-headers",
            Self::RequestBody => "request-body",
            Self::RequestEnd => "request-end",
            Self::ResponseHeaders => "response-headers",
            Self::ResponseBody => "response-body",
            Self::ResponseEnd => "response-end",
        }
    }
}

/// Where a finished transaction is reported.
#[derive(Clone)]
pub(crate) struct Reports {
    metrics: Arc<Metrics>,
    decisions: Arc<Decisions>,
    probes: Arc<Probes>,
    tally: Arc<Tally>,
}

impl Reports {
    /// Reports to these, for one configuration.
    pub(crate) fn new(metrics: Arc<Metrics>, decisions: Arc<Decisions>, probes: Arc<Probes>) -> Self {
        Self { metrics, decisions, probes, tally: Arc::default() }
    }

    /// The counters.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Writes audit records.
    pub(crate) fn audit(&self, records: Vec<AuditRecord>) {
        for record in records {
            if !self.decisions.audit(record) {
                self.metrics.audit_dropped();
            }
        }
    }

    /// Counts a closed transaction and writes its record, if it is one of those that are written: others are not made.
    /// Whether it is a probe that somebody waits for.
    pub(crate) fn record(
        &self,
        evaluation: &Evaluation,
        outcome: Outcome,
        spent: &[Duration; Stage::COUNT],
        took: Took,
    ) -> bool {
        self.metrics.transaction(evaluation, spent, took, &self.tally);
        for _ in 0..self.decisions.take_lost_audits() {
            self.metrics.audit_dropped();
        }
        if !self.decisions.write(evaluation, outcome) {
            self.metrics.decision_dropped();
        }
        self.probes.look(evaluation, outcome)
    }
}
