//! Rate limits: which hold for a request, and what it is counted by.
//!
//! What was counted is for a front end to know ([`transaction::Rates`]): there is no state here, and no clock.

mod header;
mod key;

use std::sync::Arc;
use std::time::Duration;

use crate::policy::{PathScope, RequestFacts};

pub use key::{KeyPart, RateKey};

pub(crate) use header::fields;
pub(crate) use key::Keyed;

/// How many requests of a kind may come.
#[derive(Clone, Debug, PartialEq)]
pub struct RateLimit {
    /// Its name: letters, digits, `-`, `_` and dots, 64 at most.
    pub name: Arc<str>,
    /// Its place among the limits of the configuration.
    pub index: usize,
    /// What requests are counted by.
    pub key: Vec<KeyPart>,
    /// Paths it holds for; all when empty.
    pub paths: Vec<PathScope>,
    /// Methods it holds for; all when empty.
    pub methods: Vec<String>,
    /// How many may come.
    pub quota: Quota,
    /// The store in which it is counted; each instance counts by itself without.
    pub store: Option<String>,
    /// Keys remembered at once (count).
    pub entries_max: usize,
}

/// How many requests may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests in a period, in the long run (count).
    pub count: u32,
    /// The period.
    pub period: Duration,
    /// Requests that may come at once (count).
    pub burst: u32,
}

impl RateLimit {
    /// Whether it holds for a request.
    pub(crate) fn holds(&self, request: &RequestFacts<'_>) -> bool {
        // Either form is enough, so that no spelling of a path evades its limit.
        let path = |scope: &PathScope| scope.covers(request.path) || scope.covers(request.normal_path);
        let method = |method: &String| method.as_bytes() == request.method;
        (self.paths.is_empty() || self.paths.iter().any(path))
            && (self.methods.is_empty() || self.methods.iter().any(method))
    }
}

impl Quota {
    /// The time between two requests at the full rate.
    #[must_use]
    pub fn interval(self) -> Duration {
        self.period / self.count.max(1)
    }

    /// How long a burst takes to be there again.
    #[must_use]
    pub fn window(self) -> Duration {
        self.interval().saturating_mul(self.burst)
    }
}
