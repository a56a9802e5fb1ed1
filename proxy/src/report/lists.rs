//! What is counted of lists in the DNS.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};
use transaction::Listing;

/// Counters of lists in the DNS.
pub(crate) struct Lists {
    lookups: IntCounterVec,
    cached: IntCounter,
    dropped: IntCounter,
}

impl Lists {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let plain = |name: &str, help: &str| {
            let metric = IntCounter::with_opts(Opts::new(name, help).namespace("portcullis"))?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        let lookups = IntCounterVec::new(
            Opts::new("rbl_lookups_total", "Questions to name servers about clients, by answer")
                .namespace("portcullis"),
            &["answer"],
        )?;
        registry.register(Box::new(lookups.clone()))?;
        Ok(Self {
            lookups,
            cached: plain("rbl_cached_total", "Questions about clients that the cache answered")?,
            dropped: plain(
                "rbl_dropped_total",
                "Questions about clients not asked: too many were under way",
            )?,
        })
    }

    /// Counts what a name server answered.
    pub(crate) fn answered(&self, listing: Listing) {
        self.lookups.with_label_values(&[listing.as_str()]).inc();
    }

    /// Counts a question that nobody had to ask.
    pub(crate) fn cached(&self) {
        self.cached.inc();
    }

    /// Counts a question that was not asked.
    pub(crate) fn dropped(&self) {
        self.dropped.inc();
    }
}
