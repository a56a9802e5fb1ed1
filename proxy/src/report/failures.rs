//! Requests that went on though their inspection failed.

use prometheus::{IntCounterVec, Opts, Registry};
use transaction::Shortfall;

use super::Seldom;

/// Counts them by reason, and says so now and then.
pub(super) struct FailOpen {
    requests: IntCounterVec,
    said: [Seldom; REASONS.len()],
}

impl FailOpen {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let help = "Requests let through because inspection failed, by reason";
        let requests =
            IntCounterVec::new(Opts::new("fail_open_total", help).namespace("portcullis"), &["reason"])?;
        registry.register(Box::new(requests.clone()))?;
        for reason in REASONS {
            requests.with_label_values(&[reason.as_str()]);
        }
        Ok(Self { requests, said: Default::default() })
    }

    /// A request passes of which not all was inspected, for this reason; others than failures are not for here.
    pub(super) fn pass(&self, reason: Shortfall) {
        let Some(place) = REASONS.iter().position(|it| *it == reason) else { return };
        let reason = reason.as_str();
        self.requests.with_label_values(&[reason]).inc();
        if let Some(requests) = self.said[place].happened(1) {
            tracing::warn!(
                reason,
                requests,
                "requests pass whose inspection failed (`on_inspection_failure: pass`)"
            );
        }
    }
}

/// What `on_inspection_failure` is for.
const REASONS: [Shortfall; 3] = [Shortfall::Deadline, Shortfall::EngineFailure, Shortfall::ListUnanswered];
