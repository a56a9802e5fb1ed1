//! One transaction's way through a snapshot.
//!
//! The order of calls is that of HTTP: [`Evaluation::begin`], [`Evaluation::request_headers`],
//! [`Evaluation::request_body`] for each chunk, [`Evaluation::request_end`], then the same three for the
//! response, then [`Evaluation::finish`], which may be called at any time. Stages that do not come are
//! skipped; a stage after a [`Step::Refuse`] changes nothing and says the same again.

mod addresses;
mod rates;
mod replay;
mod response;
mod rules;
mod scoring;
mod teaching;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use model::{Confidence, Strangest};
use signatures::collections::CollectionStore;
use signatures::operator::Zone;
use signatures::{Match, Phase};
use transaction::{
    BodyReader, Connection, Limits, Listings, Processor, Progress, RequestHead, ResponseHead, Shortfall,
    SyntaxError, Transaction,
};

use crate::address::Admission;
use crate::boundary::contained;
use crate::decide::{Decision, decide};
use crate::limit::RateLimit;
use crate::policy::{Asset, Exception, FixedAnswer, Policy, Role, Target};
use crate::record::Hops;
use crate::snapshot::CompiledPolicy;
use crate::{AuditRecord, DecisionRecord, Lesson, Refusal, Selection, Snapshot, Verdict, telling};
pub(crate) use rules::Running;
pub(crate) use scoring::site;

/// What a front end knows when a request begins.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// A unique id of lower-case hexadecimal digits.
    pub id: String,
    /// Microseconds since the Unix epoch; the only clock a request sees.
    pub started_us: i64,
    /// Who talks to whom.
    pub connection: Connection,
    /// The distinguished name in the certificate that the client showed.
    pub client_subject: Option<Arc<str>>,
    /// The request line and headers as sent.
    pub head: RequestHead,
    /// Where rules' persistent collections are kept; without a store they live as long as the transaction.
    pub collections: Option<Arc<dyn CollectionStore>>,
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
    /// Why the front end refused it, whatever was found in it.
    pub syntax_error: Option<SyntaxError>,
    /// The hops it came by.
    pub hops: Hops,
    /// The attachment that asked about it; `None` where it came by a listener.
    pub attachment: Option<&'static str>,
}

/// What a front end must deliver and may release, as the policy wants it. It depends on the mode, so it is
/// made by [`crate::decide`](mod@crate::decide), once a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whether anything is inspected at all; when not, only `finish` is called.
    pub inspects: bool,
    /// Whether request bodies are wanted.
    pub request_body: bool,
    /// Request body bytes withheld from the upstream until the verdict; 0 withholds nothing.
    pub hold_bytes_max: usize,
    /// Whether the response head is wanted.
    pub response_headers: bool,
    /// Whether the response body is wanted.
    pub response_body: bool,
    /// Whether the response is withheld from the client until its verdict.
    pub holds_response: bool,
}

impl Plan {
    /// Nothing is inspected.
    pub const NOTHING: Self = Self {
        inspects: false,
        request_body: false,
        hold_bytes_max: 0,
        response_headers: false,
        response_body: false,
        holds_response: false,
    };
}

/// One transaction on its way.
#[derive(Debug)]
pub struct Evaluation {
    snapshot: Arc<Snapshot>,
    selection: Option<Selection>,
    transaction: Transaction,
    client_subject: Option<Arc<str>>,
    /// The rule sources of the policy, each with its state; empty when nothing is inspected.
    running: Vec<Running>,
    /// Indices of the exceptions that hold.
    exceptions: Vec<usize>,
    /// What the policy makes of the client's address.
    admission: Admission,
    /// The rate limits that hold.
    limits: Vec<Arc<RateLimit>>,
    reader: Option<BodyReader>,
    /// Whether the rules that do not want the body were asked without it.
    body_begun: bool,
    /// Whether the request was read to its end.
    ended: bool,
    response: Option<response::ResponseReader>,
    /// What the model found; `None` without one.
    strangest: Option<Strangest>,
    decision: Decision,
    /// Phase 5 is over.
    is_closed: bool,
    /// The engine failed on this transaction, or was given no more time; what it worked on is not touched again.
    failed: bool,
}

/// Whether a policy has anything inspected.
fn inspects(policy: &Policy) -> bool {
    crate::decide::plan(policy, false, false).inspects
}

impl Evaluation {
    /// Parses the head and selects asset and policy.
    #[must_use]
    pub fn begin(snapshot: Arc<Snapshot>, request: Request) -> Self {
        Self::begin_with(snapshot, request, Transaction::new)
    }

    fn begin_with(
        snapshot: Arc<Snapshot>,
        request: Request,
        parse: impl FnOnce(&str, i64, Connection, RequestHead, &Limits) -> Transaction,
    ) -> Self {
        let selection = contained(|| select(&snapshot, &request.head)).flatten();
        let policy =
            selection.and_then(|selection| snapshot.policies().get(selection.policy)).map(|it| &it.policy);
        let usual = Limits::default();
        let limits = policy.map_or(&usual, |policy| &policy.limits);
        let Request { id, started_us, connection, client_subject, head, collections } = request;
        let parsed = contained(|| {
            if policy.is_some_and(|policy| inspects(policy)) {
                parse(&id, started_us, connection, head, limits)
            } else {
                Transaction::unread(&id, started_us, connection, head)
            }
        });
        let failed = parsed.is_none();
        let unparsed = || Transaction { id: id.into(), started_us, connection, ..Transaction::default() };
        let transaction = parsed.unwrap_or_else(unparsed);
        let mut evaluation = Self {
            snapshot,
            selection,
            transaction,
            client_subject,
            running: Vec::new(),
            exceptions: Vec::new(),
            admission: Admission::default(),
            limits: Vec::new(),
            reader: None,
            body_begun: false,
            ended: false,
            response: None,
            strangest: None,
            decision: Decision { verdict: Verdict::Pass, is_settled: false },
            is_closed: false,
            failed: false,
        };
        if failed || contained(|| evaluation.begin_rules(collections.as_ref())).is_none() {
            evaluation.fail();
        }
        evaluation
    }

    /// The distinguished name in the certificate that the client showed.
    pub(crate) fn client_subject(&self) -> Option<&str> {
        self.client_subject.as_deref()
    }

    /// What the policy wants of this transaction. After `request_headers` it may have changed
    /// (`ctl:requestBodyAccess`), so ask again.
    #[must_use]
    pub fn plan(&self) -> Plan {
        match self.policy() {
            // Nothing is wanted any more, but each stage still says what `on_inspection_failure` does.
            Some(policy) if self.failed => Plan { inspects: inspects(policy), ..Plan::NOTHING },
            Some(policy) => crate::decide::plan(policy, self.wants_request_body(), self.wants_response()),
            None => Plan::NOTHING,
        }
    }

    /// The upstream's name in the configuration, for the selected asset; `None` when no asset matches, or it [answers](Evaluation::fixed_answer) by itself.
    #[must_use]
    pub fn upstream(&self) -> Option<&str> {
        match &self.asset()?.target {
            Target::Upstream(name) => Some(name),
            Target::Answer(_) | Target::Elsewhere => None,
        }
    }

    /// What the selected asset answers by itself, without an upstream.
    #[must_use]
    pub fn fixed_answer(&self) -> Option<&FixedAnswer> {
        match &self.asset()?.target {
            Target::Upstream(_) | Target::Elsewhere => None,
            Target::Answer(answer) => Some(answer),
        }
    }

    /// The lists in the DNS that rules will ask of the client's address, and that are to be
    /// [answered](Evaluation::answer_lists) before [`Evaluation::request_headers`]; what is not, is on no list.
    #[must_use]
    pub fn zones(&self) -> &[Zone] {
        let asks = self.compiled().filter(|_| !self.running.is_empty());
        asks.map(|compiled| compiled.zones.as_slice()).unwrap_or_default()
    }

    /// Says what lists in the DNS say of the client's address.
    pub fn answer_lists(&mut self, listings: Listings) {
        self.transaction.listings = listings;
    }

    /// The policy that judges the transaction; `None` when no asset matches.
    #[must_use]
    pub fn policy(&self) -> Option<&Policy> {
        Some(&self.compiled()?.policy)
    }

    /// The confidence from which the model's word alone makes a transaction hostile, as the policy says.
    #[must_use]
    pub fn minimum_confidence(&self) -> Confidence {
        let model = self.policy().and_then(|policy| policy.model.as_ref());
        model.map_or(Confidence::DECISIVE, |model| model.minimum_confidence)
    }

    /// The places of its asset and its policy in the configuration; `None` when no asset matches.
    #[must_use]
    pub fn selection(&self) -> Option<Selection> {
        self.selection
    }

    /// The asset it is for; `None` when none matches.
    #[must_use]
    pub fn asset(&self) -> Option<&Asset> {
        self.snapshot.config().assets.get(self.selection?.asset)
    }

    /// The exceptions of the policy that hold for it.
    pub fn exceptions(&self) -> impl Iterator<Item = &Exception> {
        let all = self.policy().map(|policy| policy.exceptions.as_slice()).unwrap_or_default();
        self.exceptions.iter().filter_map(|index| all.get(*index))
    }

    /// The anomaly score, of the rule source where it is highest.
    #[must_use]
    pub fn anomaly_score(&self) -> i64 {
        self.running.iter().map(Running::anomaly_score).max().unwrap_or(0)
    }

    /// The transaction as far as it was read.
    #[must_use]
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// All matches so far, source by source, `nolog` rules included.
    pub fn matches(&self) -> impl Iterator<Item = &Match> {
        self.running.iter().flat_map(|running| &running.state.matches)
    }

    /// The matches of rules that ask for a log line, the most telling first; those of sources taken as
    /// evidence follow.
    #[must_use]
    pub fn reported_matches(&self) -> Vec<(Role, &Match)> {
        let all = self
            .running
            .iter()
            .flat_map(|running| running.state.matches.iter().map(|found| (running.role, found)));
        let mut reported: Vec<_> = all.filter(|(_, found)| found.log).collect();
        reported.sort_by_key(|(role, found)| (*role == Role::Evidence, telling::order(found)));
        reported
    }

    /// Phase 1. What is known of the client before it is judged first: where that is enough, no rule runs.
    pub fn request_headers(&mut self) -> Step {
        self.judge();
        self.stage(|it| it.run(Phase::RequestHeaders))
    }

    /// A chunk of the request body. Full segments are judged as they fill (phase 2).
    pub fn request_body(&mut self, chunk: &[u8]) -> Step {
        self.stage(|it| it.read_request_body(chunk))
    }

    /// The request is complete, with or without a body: the last of phase 2.
    pub fn request_end(&mut self) -> Step {
        self.ended = !self.is_over();
        self.stage(Self::end_request_body)
    }

    /// Phase 3.
    pub fn response_headers(&mut self, head: ResponseHead) -> Step {
        self.stage(|it| it.begin_response(head))
    }

    /// A chunk of the response body.
    pub fn response_body(&mut self, chunk: &[u8]) -> Step {
        self.stage(|it| it.read_response_body(chunk))
    }

    /// Phase 4.
    pub fn response_end(&mut self) -> Step {
        self.stage(Self::end_response)
    }

    /// Notes what the front end could not have inspected (an upgrade, bytes released early).
    pub fn note(&mut self, reason: Shortfall) {
        self.transaction.inspection.note(reason);
    }

    /// The verdict so far.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.decision.verdict
    }

    /// Phase 5. It is over once this returns, and changes nothing a second time.
    pub fn close(&mut self) {
        if !self.is_closed {
            self.is_closed = true;
            self.log();
        }
    }

    /// The audit records that rules ask for (`SecAuditLog`), once the transaction is [closed](Evaluation::close).
    #[must_use]
    pub fn audit(&self, outcome: &Outcome) -> Vec<AuditRecord> {
        if self.failed {
            return Vec::new();
        }
        contained(|| crate::audit::records(self, outcome)).unwrap_or_default()
    }

    /// What is written down, once the transaction is [closed](Evaluation::close).
    #[must_use]
    pub fn record(&self, outcome: Outcome) -> DecisionRecord {
        DecisionRecord::of(self, outcome)
    }

    /// Phase 5, and what is written down.
    #[must_use]
    pub fn finish(mut self, outcome: Outcome) -> DecisionRecord {
        self.close();
        self.record(outcome)
    }

    /// As [`Evaluation::finish`]; with the request itself, if a site may learn from it.
    #[must_use]
    pub fn finish_with_lesson(mut self, outcome: Outcome) -> (DecisionRecord, Option<Lesson>) {
        self.close();
        let (status, record) = (outcome.status, self.record(outcome));
        (record, self.into_lesson(status))
    }

    /// Phase 5.
    fn log(&mut self) {
        if !self.failed && contained(|| self.run_last()).is_none() {
            self.fail();
        }
    }

    /// Does a stage's work within the engine's boundary, and judges what it found.
    fn stage(&mut self, work: impl FnOnce(&mut Self)) -> Step {
        if !self.is_over() && contained(|| work(self)).is_none() {
            self.fail();
        }
        self.judge();
        self.step()
    }

    fn fail(&mut self) {
        self.failed = true;
        self.transaction.inspection.note(Shortfall::EngineFailure);
    }

    /// Its time is up: nothing more of it is looked at. What was found stays, and `on_inspection_failure` decides about the rest.
    pub fn give_up(&mut self) -> Step {
        if !self.is_over() {
            self.failed = true;
            self.transaction.inspection.note(Shortfall::Deadline);
            self.judge();
        }
        self.step()
    }

    /// Whether no stage changes anything any more.
    fn is_over(&self) -> bool {
        self.failed || !self.has_judges() || self.decision.verdict.is_blocked()
    }

    fn step(&self) -> Step {
        match &self.decision.verdict {
            Verdict::Prevent(_, refusal) => Step::Refuse(refusal.clone()),
            Verdict::Pass | Verdict::Detect(_) => Step::Continue,
        }
    }

    fn judge(&mut self) {
        if self.decision.is_settled || !self.has_findings() {
            return;
        }
        if let Some(compiled) = self.compiled() {
            self.decision = decide(&compiled.policy, self.findings());
        }
    }

    pub(crate) fn running(&self) -> &[Running] {
        &self.running
    }

    pub(crate) fn compiled(&self) -> Option<&CompiledPolicy> {
        self.snapshot.policies().get(self.selection?.policy)
    }

    fn read_request_body(&mut self, mut input: &[u8]) {
        self.begin_request_body(true);
        while let Some(reader) = &mut self.reader {
            let progress =
                reader.push(&mut input, &mut self.transaction.body, &mut self.transaction.inspection);
            if progress == Progress::Drained || !self.end_segment() {
                return;
            }
        }
    }

    fn end_request_body(&mut self) {
        self.begin_request_body(false);
        while let Some(reader) = &mut self.reader {
            let progress = reader.finish(&mut self.transaction.body, &mut self.transaction.inspection);
            if progress == Progress::Drained {
                break;
            }
            if !self.end_segment() {
                return;
            }
        }
        self.reader = None;
        self.run_segment();
    }

    /// Chooses the parser of the body, once; rules that do not want the body are asked without it.
    fn begin_request_body(&mut self, is_there: bool) {
        if self.body_begun {
            return;
        }
        self.body_begun = true;
        self.run_without_body();
        if is_there && self.wants_request_body() {
            let head = &self.transaction.request;
            let content_type = head.headers.first(b"content-type").unwrap_or_default();
            let processor =
                self.body_processor().unwrap_or_else(|| Processor::for_content_type(content_type));
            let bytes = self.ctl_request_body_bytes_max();
            self.reader = self.policy().map(|policy| {
                let body_bytes_max = bytes.unwrap_or(policy.limits.body_bytes_max);
                BodyReader::new(processor, head, &Limits { body_bytes_max, ..policy.limits })
            });
        }
    }

    /// Judges a full segment and begins the next; `false` when the transaction is stopped.
    fn end_segment(&mut self) -> bool {
        self.begin_segments();
        self.run_segment();
        self.judge();
        if self.decision.verdict.is_blocked() {
            return false;
        }
        self.next_segment();
        if let Some(reader) = &mut self.reader {
            reader.next_segment(&mut self.transaction.body);
        }
        true
    }
}

/// The most specific asset for a request.
fn select(snapshot: &Snapshot, head: &RequestHead) -> Option<Selection> {
    let path = transaction::Uri::parse(&head.target).path;
    let host = head.headers.first(b"host").unwrap_or_default();
    snapshot.select(host, &head.target[path])
}
