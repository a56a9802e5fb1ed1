//! What is counted of attachments.

use std::fmt::Display;

use prometheus::{IntCounterVec, Opts, Registry};
use transaction::Shortfall;

use super::{Seldom, SeldomEach};

/// Counters of attachments.
pub(crate) struct Attachments {
    requests: IntCounterVec,
    uninspected_bytes: IntCounterVec,
    missed: IntCounterVec,
    missed_said: Seldom,
    complaints: SeldomEach<(&'static str, &'static str)>,
}

impl Attachments {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntCounterVec::new(Opts::new(name, help).namespace("portcullis"), labels)?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        Ok(Self {
            requests: counter(
                "attach_requests_total",
                "Requests that gateways asked about, by what they were answered",
                &["attachment", "answer"],
            )?,
            uninspected_bytes: counter(
                "attach_uninspected_bytes_total",
                "Bytes that gateways say there are and do not show, or that are shown and not looked at (trailers), by reason",
                &["attachment", "reason"],
            )?,
            missed: counter(
                "attach_missed_total",
                "Requests that gateways say they let through without an answer, by reason",
                &["attachment", "reason"],
            )?,
            missed_said: Seldom::default(),
            complaints: SeldomEach::default(),
        })
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, attachment: &str, answer: &str) {
        self.requests.with_label_values(&[attachment, answer]).inc();
    }

    /// Counts a request that is not understood, and says so now and then.
    pub(crate) fn unreadable(&self, attachment: &'static str, error: &dyn Display) {
        self.answered(attachment, "unreadable");
        if let Some(requests) = self.complain(attachment, "unreadable") {
            tracing::warn!(attachment, %error, requests, "what a gateway asks is not understood");
        }
    }

    /// Something is wrong with what a gateway asks, or with how it is set up, which may be so with each request. How often it was
    /// since that was last said, where it is time to say it again.
    pub(crate) fn complain(&self, attachment: &'static str, of: &'static str) -> Option<u64> {
        self.complaints.happened((attachment, of))
    }

    /// Counts bytes that are not shown.
    pub(crate) fn uninspected(&self, attachment: &str, reason: Shortfall, bytes: u64) {
        self.uninspected_bytes.with_label_values(&[attachment, reason.as_str()]).inc_by(bytes);
    }

    /// Counts bytes of trailers, which nothing looks at.
    pub(crate) fn trailers(&self, attachment: &str, bytes: u64) {
        self.uninspected_bytes.with_label_values(&[attachment, "trailers"]).inc_by(bytes);
    }

    /// Counts requests that nobody could be asked about.
    pub(crate) fn missed(&self, attachment: &str, reason: &str, requests: u64) {
        self.missed.with_label_values(&[attachment, reason]).inc_by(requests);
        let said = (requests > 0).then(|| self.missed_said.happened(requests)).flatten();
        if let Some(requests) = said {
            tracing::warn!(
                attachment,
                reason,
                requests,
                "a gateway let requests by, or refused them, without an answer"
            );
        }
    }
}
