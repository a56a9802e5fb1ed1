//! One transaction's way through a snapshot.
//!
//! The order of calls is that of HTTP: [`Evaluation::begin`], [`Evaluation::request_headers`],
//! [`Evaluation::request_body`] for each chunk, [`Evaluation::request_end`], then the same three for the
//! response, then [`Evaluation::finish`], which may be called at any time. Stages that do not come are
//! skipped; a stage after a [`Step::Refuse`] changes nothing.

use std::sync::Arc;

use transaction::{Connection, RequestHead, ResponseHead, Shortfall};

use crate::{DecisionRecord, Refusal, Snapshot, Verdict};

/// What a front end knows when a request begins.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// A unique id of lower-case hexadecimal digits.
    pub id: String,
    /// Microseconds since the Unix epoch; the only clock a request sees.
    pub started_us: i64,
    /// Who talks to whom.
    pub connection: Connection,
    /// The request line and headers as sent.
    pub head: RequestHead,
}

/// What a front end has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Go on.
    Continue,
    /// Stop the transaction with this answer.
    Refuse(Refusal),
}

/// How a transaction ended, for its decision record.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// The status the client got; 0 when none.
    pub status: u16,
    /// Microseconds the transaction took.
    pub total_us: u64,
    /// Microseconds spent in inspection.
    pub inspect_us: u64,
}

/// What a front end must deliver and may release, as the policy wants it. It depends on the mode, so it is
/// made by [`crate::decide`], once a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whether anything is inspected at all; when not, only `finish` is called.
    pub inspects: bool,
    /// Whether request bodies are wanted.
    pub request_body: bool,
    /// Request body bytes withheld from the upstream until the verdict; 0 withholds nothing.
    pub hold_bytes_max: usize,
    /// Whether the response head is wanted before it is sent on.
    pub response_headers: bool,
    /// Whether the response body is wanted before it is sent on.
    pub response_body: bool,
}

/// One transaction on its way.
#[derive(Debug)]
pub struct Evaluation {
    snapshot: Arc<Snapshot>,
}

impl Evaluation {
    /// Parses the head and selects asset and policy.
    #[must_use]
    pub fn begin(snapshot: Arc<Snapshot>, request: Request) -> Self {
        let _ = request;
        Self { snapshot }
    }

    /// What the policy wants of this transaction. After `request_headers` it may have changed
    /// (`ctl:requestBodyAccess`), so ask again.
    #[must_use]
    pub fn plan(&self) -> Plan {
        Plan {
            inspects: true,
            request_body: true,
            hold_bytes_max: 1 << 20,
            response_headers: false,
            response_body: false,
        }
    }

    /// The upstream's name in the configuration, for the selected asset; `None` when no asset matches.
    #[must_use]
    pub fn upstream(&self) -> Option<&str> {
        None
    }

    /// Phase 1.
    pub fn request_headers(&mut self) -> Step {
        Step::Continue
    }

    /// A chunk of the request body. Full segments are judged as they fill (phase 2).
    pub fn request_body(&mut self, chunk: &[u8]) -> Step {
        let _ = chunk;
        Step::Continue
    }

    /// The request is complete, with or without a body: the last of phase 2.
    pub fn request_end(&mut self) -> Step {
        Step::Continue
    }

    /// Phase 3.
    pub fn response_headers(&mut self, head: ResponseHead) -> Step {
        let _ = head;
        Step::Continue
    }

    /// A chunk of the response body.
    pub fn response_body(&mut self, chunk: &[u8]) -> Step {
        let _ = chunk;
        Step::Continue
    }

    /// Phase 4.
    pub fn response_end(&mut self) -> Step {
        Step::Continue
    }

    /// Notes what the front end could not have inspected (an upgrade, bytes released early).
    pub fn note(&mut self, reason: Shortfall) {
        let _ = reason;
    }

    /// The verdict so far.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let _ = &self.snapshot;
        Verdict::Pass
    }

    /// Phase 5, and what is written down.
    #[must_use]
    pub fn finish(self, outcome: Outcome) -> DecisionRecord {
        let _ = outcome;
        DecisionRecord::default()
    }
}
