//! One case from its bytes to its result.

use std::sync::Arc;

use regex::Regex;
use signatures::collections::{CollectionStore, MemoryStore};
use signatures::{Interruption, InterruptionResponse, Match, Phase, RuleState, Ruleset, Trace};
use transaction::{BodyReader, Connection, Limits, Processor, Progress, Response, Transaction};

use super::reflect;
use super::{Case, Input, Log, Output, Stage, WireRequest, log_lines};

/// Runs cases against compiled rules.
#[derive(Clone, Copy, Debug)]
pub struct Runner<'r> {
    /// The rules under test.
    pub ruleset: &'r Ruleset,
    /// Bounds of parsing.
    pub limits: &'r Limits,
}

/// What one request led to.
#[derive(Debug)]
pub struct Observed {
    /// What matched.
    pub matches: Vec<Match>,
    /// The status the client would get.
    pub status: u16,
    /// The body of the answer.
    pub response_body: Vec<u8>,
    /// Why rules matched or did not, when that was asked.
    pub trace: Option<Trace>,
    /// The transaction as rules saw it last.
    pub transaction: Transaction,
}

impl Runner<'_> {
    /// Runs all stages of a case.
    ///
    /// # Errors
    /// The first expectation that was not met.
    pub fn run(&self, case: &Case) -> Result<(), String> {
        // The stages of a case are requests to one server: rules may count them.
        let store: Arc<dyn CollectionStore> = Arc::new(MemoryStore::default());
        for (number, stage) in (1..).zip(&case.stages) {
            self.stage(stage, &store).map_err(|reason| match case.stages.len() {
                1 => reason,
                _ => format!("stage {number}: {reason}"),
            })?;
        }
        Ok(())
    }

    fn stage(&self, stage: &Stage, store: &Arc<dyn CollectionStore>) -> Result<(), String> {
        let mut state = RuleState::new(self.ruleset);
        state.use_store(store.clone());
        let observed = self.observe_in(state, &stage.input)?;
        check(&stage.output, &observed)
    }

    /// Sends one request through all phases.
    ///
    /// # Errors
    /// An input that is no request.
    pub fn observe(&self, input: &Input, trace: Option<Trace>) -> Result<Observed, String> {
        let mut state = RuleState::new(self.ruleset);
        state.trace = trace;
        self.observe_in(state, input)
    }

    fn observe_in(&self, mut state: RuleState, input: &Input) -> Result<Observed, String> {
        let request = WireRequest::parse(&input.to_bytes()?);
        let mut transaction = self.transaction(input, &request);
        if request.is_unreadable() {
            return Ok(Observed {
                matches: Vec::new(),
                status: 400,
                response_body: Vec::new(),
                trace: state.trace,
                transaction,
            });
        }
        self.request(&request, &mut transaction, &mut state);
        let (head, body) = reflect::answer(&request);
        let status = status(&request, state.interruption.as_ref(), head.status);
        let response_body = body.clone();
        transaction.response = Some(Response { head, body: Vec::new(), bytes_total: body.len() as u64 });
        self.response(body, &mut transaction, &mut state);
        let status = status_after(state.interruption.as_ref(), status);
        Ok(Observed { matches: state.matches, status, response_body, trace: state.trace, transaction })
    }

    fn transaction(&self, input: &Input, request: &WireRequest) -> Transaction {
        let mut connection = Connection { client_port: 40_000, ..Connection::default() };
        if let Some(port) = input.port {
            connection.server_port = port;
        }
        Transaction::new(TRANSACTION_ID, NOW_US, connection, request.head.clone(), self.limits)
    }

    fn request(&self, request: &WireRequest, transaction: &mut Transaction, state: &mut RuleState) {
        self.ruleset.evaluate(Phase::RequestHeaders, transaction, NOW_US, state);
        let access = state.request_body_access.or(self.ruleset.settings.request_body_access);
        if request.body.is_empty() || access == Some(false) {
            return self.ruleset.evaluate(Phase::RequestBody, transaction, NOW_US, state);
        }
        let processor = state.body_processor.unwrap_or_else(|| processor(transaction));
        let body_bytes_max = state.request_body_bytes_max.unwrap_or(self.limits.body_bytes_max);
        let limits = Limits { body_bytes_max, ..*self.limits };
        let mut reader = BodyReader::new(processor, &transaction.request, &limits);
        state.begin_segments();
        self.segments(&request.body, &mut reader, transaction, state);
    }

    /// Evaluates phase 2 for each segment of the body.
    fn segments(
        &self,
        mut rest: &[u8],
        reader: &mut BodyReader,
        transaction: &mut Transaction,
        state: &mut RuleState,
    ) {
        loop {
            let (body, inspection) = (&mut transaction.body, &mut transaction.inspection);
            let mut progress = reader.push(&mut rest, body, inspection);
            if progress == Progress::Drained {
                progress = reader.finish(body, inspection);
            }
            self.ruleset.evaluate(Phase::RequestBody, transaction, NOW_US, state);
            if progress == Progress::Drained {
                return;
            }
            reader.next_segment(&mut transaction.body);
            state.next_segment();
        }
    }

    fn response(&self, body: Vec<u8>, transaction: &mut Transaction, state: &mut RuleState) {
        self.ruleset.evaluate(Phase::ResponseHeaders, transaction, NOW_US, state);
        if let Some(response) = &mut transaction.response
            && self.reads_response(state, response)
        {
            response.body = body;
            let most = state.response_body_bytes_max.unwrap_or(self.limits.response_body_bytes_max);
            response.body.truncate(most);
        }
        self.ruleset.evaluate(Phase::ResponseBody, transaction, NOW_US, state);
        self.ruleset.evaluate(Phase::Logging, transaction, NOW_US, state);
        state.commit(self.ruleset, NOW_US);
    }

    fn reads_response(&self, state: &RuleState, response: &Response) -> bool {
        let settings = &self.ruleset.settings;
        let access = state.response_body_access.or(settings.response_body_access);
        let content_type = response.head.headers.first(b"content-type").unwrap_or_default();
        let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let types = settings.response_body_mime_types.as_ref();
        access == Some(true)
            && types
                .is_none_or(|types| types.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(essence)))
    }
}

fn processor(transaction: &Transaction) -> Processor {
    Processor::for_content_type(transaction.request.headers.first(b"content-type").unwrap_or_default())
}

fn status(request: &WireRequest, interruption: Option<&Interruption>, answered: u16) -> u16 {
    if request.is_malformed() { 400 } else { status_after(interruption, answered) }
}

fn status_after(interruption: Option<&Interruption>, answered: u16) -> u16 {
    match interruption.filter(|interruption| interruption.enforced).map(|interruption| &interruption.response)
    {
        Some(InterruptionResponse::Deny(status) | InterruptionResponse::Redirect(status, _)) => *status,
        Some(InterruptionResponse::Drop) => 0,
        None => answered,
    }
}

/// Whether what happened is what was expected.
fn check(expected: &Output, observed: &Observed) -> Result<(), String> {
    if !expected.status.is_empty() && !expected.status.contains(&observed.status) {
        return Err(format!("expected status {:?}, got {}", expected.status, observed.status));
    }
    if let Some(text) = &expected.response_contains
        && !String::from_utf8_lossy(&observed.response_body).contains(text)
    {
        return Err(format!("the answer does not contain `{text}`"));
    }
    check_ids(expected, observed)?;
    check_lines(expected, &log_lines(&observed.matches))
}

fn check_ids(expected: &Output, observed: &Observed) -> Result<(), String> {
    let Log { expect_ids, no_expect_ids, .. } = &expected.log;
    let logged: Vec<u32> =
        observed.matches.iter().filter(|found| found.log).map(|found| found.id.get()).collect();
    if let Some(missing) = expect_ids.iter().find(|id| !logged.contains(id)) {
        return Err(format!("rule {missing} did not match; matched: {logged:?}"));
    }
    if let Some(wrong) = no_expect_ids.iter().find(|id| logged.contains(id)) {
        let found = observed.matches.iter().find(|found| found.id.get() == *wrong);
        return Err(format!("rule {wrong} matched: {}", found.map(describe).unwrap_or_default()));
    }
    if expected.isolated && logged.len() != 1 {
        return Err(format!("expected one rule, matched: {logged:?}"));
    }
    Ok(())
}

fn describe(found: &Match) -> String {
    let values = found.values.iter();
    let values = values.map(|value| format!("{} `{}`", value.target, value.matched.escape_ascii()));
    values.collect::<Vec<_>>().join(", ")
}

fn check_lines(expected: &Output, lines: &[String]) -> Result<(), String> {
    let matches = |pattern: &str| {
        let regex = Regex::new(pattern).map_err(|error| format!("pattern `{pattern}`: {error}"))?;
        Ok::<bool, String>(lines.iter().any(|line| regex.is_match(line)))
    };
    for pattern in [&expected.log.match_regex, &expected.log_contains].into_iter().flatten() {
        if !matches(pattern)? {
            return Err(format!("no log line matches `{pattern}`: {lines:?}"));
        }
    }
    for pattern in [&expected.log.no_match_regex, &expected.no_log_contains].into_iter().flatten() {
        if matches(pattern)? {
            return Err(format!("a log line matches `{pattern}`: {lines:?}"));
        }
    }
    Ok(())
}

/// Time and id are fixed: a result may not depend on when a test runs.
const NOW_US: i64 = 1_790_000_000_000_000;
const TRANSACTION_ID: &str = "0123456789abcdef0123456789abcdef";
