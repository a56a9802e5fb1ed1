//! What is counted of connections.

use std::sync::Arc;

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::Seldom;

/// Counters of all listeners.
pub(crate) struct AllConnections {
    accepted: IntCounterVec,
    refused: IntCounterVec,
    shed: IntCounterVec,
    expiry: IntGaugeVec,
}

/// Counters of one listener.
#[derive(Clone)]
pub(crate) struct Connections {
    listener: String,
    accepted: IntCounter,
    refused: IntCounterVec,
    shed: IntCounter,
    shed_said: Arc<Seldom>,
    strange_said: Arc<Seldom>,
}

impl AllConnections {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntCounterVec::new(Opts::new(name, help).namespace("portcullis"), labels)?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        let expiry = IntGaugeVec::new(
            Opts::new(
                "certificate_expiry_seconds",
                "When a certificate ceases to be valid (seconds since 1970)",
            )
            .namespace("portcullis"),
            &["certificate"],
        )?;
        registry.register(Box::new(expiry.clone()))?;
        Ok(Self {
            accepted: counter("connections_total", "Accepted connections", &["listener"])?,
            refused: counter(
                "connections_refused_total",
                "Connections closed without an answer, by reason",
                &["listener", "reason"],
            )?,
            shed: counter(
                "requests_shed_total",
                "Requests that were one too many (`requests_max`), answered at once and not inspected",
                &["listener"],
            )?,
            expiry,
        })
    }

    /// Those of one listener.
    pub(crate) fn of(&self, listener: &str) -> Connections {
        Connections {
            listener: listener.to_owned(),
            accepted: self.accepted.with_label_values(&[listener]),
            refused: self.refused.clone(),
            shed: self.shed.with_label_values(&[listener]),
            shed_said: Arc::default(),
            strange_said: Arc::default(),
        }
    }

    /// Says which certificates are in use: their files, and when they cease to be valid (seconds since 1970).
    pub(crate) fn certificates<'a>(&self, certificates: impl Iterator<Item = (&'a str, i64)>) {
        self.expiry.reset();
        for (file, not_after) in certificates {
            let gauge: IntGauge = self.expiry.with_label_values(&[file]);
            gauge.set(not_after);
        }
    }
}

impl Connections {
    /// Counters that nobody looks at.
    pub(crate) fn unread() -> prometheus::Result<Self> {
        Ok(AllConnections::new(&Registry::new())?.of("-"))
    }

    /// Counts a connection.
    pub(crate) fn accepted(&self) {
        self.accepted.inc();
    }

    /// Counts one that is closed without an answer.
    pub(crate) fn refused(&self, reason: &str) {
        self.refused.with_label_values(&[&self.listener, reason]).inc();
    }

    /// Counts one that is closed because something else is spoken there, and says so now and then.
    pub(crate) fn strange(&self, reason: &str, error: &str) {
        self.refused(reason);
        if let Some(connections) = self.strange_said.happened(1) {
            let listener = &self.listener;
            tracing::warn!(listener, error, connections, "connections that do not speak {reason}");
        }
    }

    /// Counts a request that is one too many.
    pub(crate) fn shed(&self) {
        self.shed.inc();
        if let Some(requests) = self.shed_said.happened(1) {
            tracing::warn!(listener = self.listener, requests, "too many requests at once (`requests_max`)");
        }
    }
}
