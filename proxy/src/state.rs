//! What the parts of a running proxy share.

use std::sync::Arc;

use arc_swap::ArcSwap;
use engine::Snapshot;
use model::profile::Profiles;
use signatures::collections::CollectionStore;

use crate::acme::Shelf;
use crate::drain::Drain;
use crate::ids::Ids;
use crate::learning::Lessons;
use crate::lists::Lists;
use crate::rates::Rates;
use crate::report::Reports;
use crate::upstream::Upstreams;

/// One configuration at work. A reload makes the next beside it; a request keeps the one it began with.
#[derive(Clone)]
pub(crate) struct Running {
    /// How requests are judged.
    pub(crate) snapshot: Arc<Snapshot>,
    /// Where they go.
    pub(crate) upstreams: Arc<Upstreams>,
    /// What is written about them.
    pub(crate) reports: Reports,
    /// Where those go that are learned from; `None` when none are.
    pub(crate) lessons: Option<Arc<Lessons>>,
    /// Lists in the DNS that are asked of clients' addresses; `None` when none is.
    pub(crate) lists: Option<Arc<Lists>>,
    /// What was counted by rate limits.
    pub(crate) rates: Arc<Rates>,
    /// What rules remember of earlier requests.
    pub(crate) collections: Arc<dyn CollectionStore>,
}

impl Running {
    /// The same with what was learned of sites.
    pub(crate) fn with_profiles(&self, profiles: Arc<Profiles>) -> Self {
        Self { snapshot: Arc::new(self.snapshot.with_profiles(profiles)), ..self.clone() }
    }
}

#[cfg(test)]
impl Running {
    /// Of a configuration that has its rules in `r.conf`. Nothing is written of requests.
    pub(crate) fn of(yaml: &str, rules: &str) -> Self {
        use engine::config::{DecisionLog, DecisionsOnly, DecisionsTo};

        use crate::report::{Decisions, Metrics};

        let files = signatures::seclang::MemoryFiles::default().with("r.conf", rules);
        let snapshot = Arc::new(Snapshot::build("p.yaml", yaml, &files, 0).expect("a snapshot").0);
        let log = DecisionLog { to: DecisionsTo::None, only: DecisionsOnly::default() };
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let rates = Arc::new(Rates::new(snapshot.config(), None, &metrics));
        let decisions = Arc::new(Decisions::start(&log).expect("no log"));
        Self {
            snapshot,
            upstreams: Arc::new(Upstreams::default()),
            reports: Reports::new(metrics, decisions, Arc::default()),
            lessons: None,
            lists: None,
            rates,
            collections: Arc::new(signatures::collections::MemoryStore::default()),
        }
    }
}

/// What outlives every configuration.
pub(crate) struct Shared {
    /// What requests are judged with; reloads and learning replace it.
    pub(crate) running: Arc<ArcSwap<Running>>,
    pub(crate) drain: Drain,
    pub(crate) ids: Ids,
    /// Certificates that were obtained, and what is answered to authorities meanwhile.
    pub(crate) shelf: Arc<Shelf>,
}
