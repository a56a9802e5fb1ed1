//! What the parts of a running proxy share.

use std::sync::Arc;

use arc_swap::ArcSwap;
use engine::Snapshot;

use crate::drain::Drain;
use crate::ids::Ids;
use crate::report::Reports;
use crate::upstream::Upstreams;

/// One configuration at work. A reload makes the next beside it; a request keeps the one it began with.
pub(crate) struct Running {
    /// How requests are judged.
    pub(crate) snapshot: Arc<Snapshot>,
    /// Where they go.
    pub(crate) upstreams: Upstreams,
    /// What is written about them.
    pub(crate) reports: Reports,
}

/// What outlives every configuration.
pub(crate) struct Shared {
    pub(crate) running: ArcSwap<Running>,
    pub(crate) drain: Drain,
    pub(crate) ids: Ids,
}
