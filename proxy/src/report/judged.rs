//! What is counted of verdicts: what decided, what the model says, and how long it took.

use std::time::Duration;

use engine::{Evaluation, Evidence, Verdict};
use model::Confidence;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry};
use signatures::Match;

/// Counters of verdicts.
pub(super) struct Judged {
    hostile: IntCounterVec,
    /// In the order of [`BANDS`].
    model: [IntCounter; BANDS.len()],
    added: Histogram,
    total: Histogram,
}

/// How long a request took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Took {
    /// What inspection added: its stages, and waiting for lists in the DNS and stores of rate limits. `None` where nothing is inspected.
    pub(crate) added: Option<Duration>,
    /// From the first byte to the last.
    pub(crate) total: Duration,
}

impl Judged {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntCounterVec::new(Opts::new(name, help).namespace("portcullis"), labels)?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let opts = HistogramOpts::new(name, help).namespace("portcullis").buckets(buckets.to_vec());
            let metric = Histogram::with_opts(opts)?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        let model = counter(
            "model_requests_total",
            "Requests by the confidence of the model that they are hostile",
            &["confidence"],
        )?;
        Ok(Self {
            hostile: counter(
                "hostile_requests_total",
                "Hostile requests by what decided, the class of attack that its most telling rule is tagged with, and verdict",
                &["reason", "class", "verdict"],
            )?,
            model: BANDS.map(|band| model.with_label_values(&[band.as_str()])),
            added: histogram(
                "inspection_seconds",
                "Time that inspection added to a request: its stages, and waiting for lists in the DNS and stores of rate limits",
                &ADDED_BUCKETS,
            )?,
            total: histogram(
                "request_seconds",
                "Time from a request's first byte to its answer's last",
                &TOTAL_BUCKETS,
            )?,
        })
    }

    /// Counts one closed transaction.
    pub(super) fn transaction(&self, evaluation: &Evaluation, took: Took) {
        let verdict = evaluation.verdict();
        if let Verdict::Detect(why) | Verdict::Prevent(why, _) = verdict {
            let (reason, class) = decided(&why.first);
            self.hostile.with_label_values(&[reason, class, verdict.as_str()]).inc();
        }
        if let Some((_, confidence)) = evaluation.model_score() {
            self.model[confidence as usize].inc();
        }
        if let Some(added) = took.added {
            self.added.observe(added.as_secs_f64());
        }
        self.total.observe(took.total.as_secs_f64());
    }
}

/// What decided, as decision records spell it, and the class of attack, which only rules know.
fn decided(why: &Evidence) -> (&'static str, &'static str) {
    match why {
        Evidence::Address { .. } => ("address", NO_CLASS),
        Evidence::Country { .. } => ("country", NO_CLASS),
        Evidence::InspectionFailure { .. } => ("inspection", NO_CLASS),
        Evidence::Model { .. } => ("model", NO_CLASS),
        Evidence::RateLimit { .. } => ("rate-limit", NO_CLASS),
        Evidence::Rule { matches, .. } => ("rule", class(matches)),
    }
}

/// The class of the first match that has one.
fn class(matches: &[Match]) -> &'static str {
    let tags = matches.iter().flat_map(|found| &found.tags);
    let classes = tags.filter_map(|tag| tag.strip_prefix(b"attack-"));
    let known = |class: &[u8]| CLASSES.into_iter().find(|known| known.as_bytes() == class);
    classes.map(known).next().flatten().unwrap_or(OTHER_CLASS)
}

/// All bands, the lowest first.
const BANDS: [Confidence; 4] = [Confidence::Low, Confidence::Medium, Confidence::High, Confidence::Critical];

/// Classes of attack that the built-in rules and the Core Rule Set tag theirs with (`attack-sqli`). What else rules say is one class, as a
/// tag may be made of what a client sends.
const CLASSES: [&str; 28] = [
    "cve",
    "deserialization",
    "disclosure",
    "dos",
    "fixation",
    "generic",
    "injection-generic",
    "injection-java",
    "injection-php",
    "ldap-injection",
    "lfi",
    "mail-injection",
    "multipart-header",
    "protocol",
    "rce",
    "reconnaissance",
    "reputation-crawler",
    "reputation-ip",
    "reputation-scanner",
    "reputation-scripting",
    "rfi",
    "sqli",
    "ssrf",
    "ssti",
    "webshell",
    "xpath-injection",
    "xss",
    "xxe",
];
/// The class of rules that have none, or none of these.
const OTHER_CLASS: &str = "other";
/// Where no rule decided.
const NO_CLASS: &str = "-";

/// Upper bounds in seconds: from 10 µs to 1 s, where something is wrong.
const ADDED_BUCKETS: [f64; 15] =
    [1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 1.0];
/// Upper bounds in seconds: from 1 ms, an application that has its answer ready, to 1 min.
const TOTAL_BUCKETS: [f64; 13] =
    [1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_in_order_and_each_once() {
        assert!(CLASSES.is_sorted_by(|one, next| one < next));
    }
}
