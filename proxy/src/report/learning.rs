//! What is counted of learning.

use model::profile::State;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// What became of an ordinary request that might be learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taught {
    Learned,
    /// The model alone calls it critical, whatever is known of the site: counted apart.
    Critical,
    /// There were more than are learned from.
    NotSampled,
    /// Its body is longer than a segment.
    LongBody,
    /// Too many, or too large ones, were waiting.
    QueueFull,
}

impl Taught {
    const ALL: [Self; 5] = [Self::Learned, Self::Critical, Self::NotSampled, Self::LongBody, Self::QueueFull];

    /// The value of the label `result`.
    fn as_str(self) -> &'static str {
        match self {
            Self::Learned => "learned",
            Self::Critical => "critical",
            Self::NotSampled => "not-sampled",
            Self::LongBody => "long-body",
            Self::QueueFull => "queue-full",
        }
    }
}

/// Counters of learning. They are looked up once, because requests count, too.
pub(crate) struct Learning {
    requests: [IntCounter; Taught::ALL.len()],
    parameters: IntGauge,
    bytes: IntGauge,
    written: IntGauge,
    errors: IntCounter,
}

impl Learning {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let opts =
            |name: &str, help: &str| Opts::new(name, help).namespace("portcullis").subsystem("learning");
        let help = "Requests that may teach, by whether they were learned from and why not";
        let requests = IntCounterVec::new(opts("requests_total", help), &["result"])?;
        registry.register(Box::new(requests.clone()))?;
        let gauge = |name: &str, help: &str| {
            let metric = IntGauge::with_opts(opts(name, help))?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        let errors =
            IntCounter::with_opts(opts("errors_total", "Times that what was learned was not written"))?;
        registry.register(Box::new(errors.clone()))?;
        Ok(Self {
            requests: Taught::ALL.map(|taught| requests.with_label_values(&[taught.as_str()])),
            parameters: gauge("parameters", "Parameters that something is known of")?,
            bytes: gauge("bytes", "Memory that what is known takes, about")?,
            written: gauge("written_timestamp_seconds", "When what is known was written last")?,
            errors,
        })
    }

    /// Counts a request that might be learned from.
    pub(crate) fn taught(&self, taught: Taught) {
        self.requests[taught as usize].inc();
    }

    /// Says how much is known.
    pub(crate) fn known(&self, state: &State) {
        self.parameters.set(i64::try_from(state.len()).unwrap_or(i64::MAX));
        self.bytes.set(i64::try_from(state.bytes()).unwrap_or(i64::MAX));
    }

    /// What is known was written, or could not be.
    pub(crate) fn written(&self, ok: bool) {
        match ok {
            true => self.written.set(jiff::Timestamp::now().as_second()),
            false => self.errors.inc(),
        }
    }
}
