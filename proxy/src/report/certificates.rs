//! What is told of certificates that are obtained by ACME.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry};

/// Gauges and counters of certificates.
pub(crate) struct Certificates {
    ends: IntGaugeVec,
    next: IntGaugeVec,
    failing: IntGaugeVec,
    attempts: IntCounterVec,
    tokens: GaugeVec,
}

impl Certificates {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let opts = |name: &str, help: &str| Opts::new(name, help).namespace("portcullis");
        let gauge = |name: &str, help: &str| {
            let metric = IntGaugeVec::new(opts(name, help), &["certificate"])?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        let attempts = IntCounterVec::new(
            opts("acme_attempts_total", "Attempts to obtain a certificate, by authority and outcome"),
            &["authority", "outcome"],
        )?;
        registry.register(Box::new(attempts.clone()))?;
        let tokens = GaugeVec::new(
            opts("acme_requests_left", "Requests that an authority may be sent now"),
            &["authority"],
        )?;
        registry.register(Box::new(tokens.clone()))?;
        Ok(Self {
            ends: gauge(
                "acme_certificate_expiry_timestamp_seconds",
                "When a certificate ends (seconds since the Unix epoch); 0 where there is none yet",
            )?,
            next: gauge(
                "acme_next_attempt_timestamp_seconds",
                "When a certificate is ordered next (seconds since the Unix epoch)",
            )?,
            failing: gauge("acme_failing", "Whether the last attempt at a certificate failed")?,
            attempts,
            tokens,
        })
    }

    /// How a certificate stands.
    pub(crate) fn status(
        &self,
        certificate: &str,
        ends: Option<SystemTime>,
        next: Option<SystemTime>,
        failing: bool,
    ) {
        self.ends.with_label_values(&[certificate]).set(ends.map_or(0, seconds));
        self.next.with_label_values(&[certificate]).set(next.map_or(0, seconds));
        self.failing.with_label_values(&[certificate]).set(failing.into());
    }

    /// How an attempt went.
    pub(crate) fn attempt(&self, authority: &str, outcome: &str) {
        self.attempts.with_label_values(&[authority, outcome]).inc();
    }

    /// How many requests an authority may be sent.
    pub(crate) fn tokens(&self, authority: &str, left: f64) {
        self.tokens.with_label_values(&[authority]).set(left.floor());
    }

    /// Tells no more of a certificate that nobody wants.
    pub(crate) fn forget(&self, certificate: &str) {
        for gauge in [&self.ends, &self.next, &self.failing] {
            let _ = gauge.remove_label_values(&[certificate]);
        }
    }
}

fn seconds(time: SystemTime) -> i64 {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    i64::try_from(seconds).unwrap_or(i64::MAX)
}
