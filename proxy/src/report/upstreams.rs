//! What is counted of upstreams and their servers.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError, Weak};

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use super::SeldomEach;
use crate::upstream::{Health, Upstreams as Pools};

/// What is counted of upstreams.
pub(crate) struct Upstreams {
    retries: IntCounterVec,
    requests: IntCounterVec,
    ejections: IntCounterVec,
    in_flight: IntGaugeVec,
    servers: IntGaugeVec,
    unanswered_said: SeldomEach<String>,
    /// Those that are told of.
    pools: Mutex<Weak<Pools>>,
}

impl Upstreams {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntCounterVec::new(Opts::new(name, help).namespace("portcullis"), labels)?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntGaugeVec::new(Opts::new(name, help).namespace("portcullis"), labels)?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        Ok(Self {
            retries: counter(
                "upstream_retries_total",
                "Requests sent to another server, or once more to the same, by why the try before failed",
                &["upstream", "reason"],
            )?,
            requests: counter(
                "upstream_server_requests_total",
                "Requests by server, each try of one",
                &["upstream", "server"],
            )?,
            ejections: counter(
                "upstream_ejections_total",
                "How often a server got no requests for a while because those before failed",
                &["upstream", "server"],
            )?,
            in_flight: gauge(
                "upstream_server_in_flight",
                "Requests that are at a server",
                &["upstream", "server"],
            )?,
            servers: gauge("upstream_servers", "Servers by their state", &["upstream", "state"])?,
            unanswered_said: SeldomEach::default(),
            pools: Mutex::default(),
        })
    }

    /// Says of which upstreams it tells.
    pub(crate) fn tell_of(&self, pools: Weak<Pools>) {
        *self.pools.lock().unwrap_or_else(PoisonError::into_inner) = pools;
    }

    /// Counts a try after the first.
    pub(crate) fn retry(&self, upstream: &str, reason: &str) {
        self.retries.with_label_values(&[upstream, reason]).inc();
    }

    /// A request got no answer, which is said now and then, of each upstream: they may be many.
    pub(crate) fn unanswered(&self, upstream: &str, transaction: &str, status: u16, error: &dyn Display) {
        if let Some(requests) = self.unanswered_said.happened(upstream.to_owned()) {
            tracing::warn!(%error, transaction, upstream, status, requests, "no answer from the application");
        }
    }

    /// Looks at all servers. Those that are gone are not told of any more.
    pub(super) fn look(&self) {
        let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pools) = pools.upgrade() else { return };
        self.requests.reset();
        self.ejections.reset();
        self.in_flight.reset();
        self.servers.reset();
        for (upstream, servers) in pools.health() {
            for state in ["healthy", "unhealthy", "ejected"] {
                let count = servers.iter().filter(|server| state_of(server) == state).count();
                self.servers.with_label_values(&[&upstream, state]).set(number(count));
            }
            for server in servers {
                let labels = [upstream.as_str(), server.server.as_str()];
                self.requests.with_label_values(&labels).inc_by(server.requests);
                self.ejections.with_label_values(&labels).inc_by(server.ejections);
                self.in_flight.with_label_values(&labels).add(number(server.in_flight));
            }
        }
    }
}

fn state_of(server: &Health) -> &'static str {
    match (server.healthy, server.ejected) {
        (false, _) => "unhealthy",
        (true, true) => "ejected",
        (true, false) => "healthy",
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
