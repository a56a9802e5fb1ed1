//! How long inspection may take.

use std::time::Duration;

use super::spec::DeadlinesSpec;
use crate::config::{At, duration_at};

/// How long inspection of each part may take, without what it waits for; `None` for no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deadlines {
    /// The head of a request.
    pub request_headers: Option<Duration>,
    /// Its body.
    pub request_body: Option<Duration>,
    /// The answer.
    pub response: Option<Duration>,
}

impl Deadlines {
    pub(super) fn check(spec: &DeadlinesSpec, at: &At<'_>) -> Self {
        let time = |text: &Option<String>, key: &str| {
            // What is no time is reported, and then no matter.
            text.as_deref().map(|text| duration_at(Some(text), USUAL, &at.key(key)))
        };
        Self {
            request_headers: time(&spec.request_headers, "request_headers"),
            request_body: time(&spec.request_body, "request_body"),
            response: time(&spec.response, "response"),
        }
    }
}

const USUAL: Duration = Duration::from_secs(1);
