//! Evaluation of a [`Ruleset`] against a transaction.
//!
//! [`Ruleset::evaluate`] runs the rules of one phase. It reads the immutable transaction and writes
//! only the [`RuleState`]; time is an argument, so the same inputs give the same matches.
//!
//! Semantics are ModSecurity v3's, with these points made precise:
//! - `setvar` and captures happen for each value that matches, at once, in every link of a chain and
//!   whether or not the rest of the chain matches. `ctl`, `initcol` and the others happen once, when
//!   the whole chain matched, last link first.
//! - `msg` and `logdata` are expanded when the whole chain matched, as CRS expects of ModSecurity v2.
//! - `MATCHED_VARS` are all matches of the previous link, and `MATCHED_VAR` is the last of them; both keep
//!   the names they had there, so that what is reported is the field and not the bookkeeping.
//! - After a disruptive action the phase goes on, so that enforcing and detecting rules find the same
//!   evidence; the first [`Interruption`] is kept. Only `allow` ends a phase, in both modes.
//! - Persistent collections (`ip`, `global`, `session`, `user`, `resource`) live as long as the
//!   transaction, and `expirevar` therefore has nothing to do.
//!
//! # Bodies in segments
//!
//! A long body is evaluated segment by segment (see [`transaction::body`]). The caller marks the end of
//! phase 1 with [`RuleState::begin_segments`] and calls [`RuleState::next_segment`] before it evaluates
//! phase 2 for each segment after the first. Each segment then starts from the variables of the end of
//! phase 1, so that scores are not added twice for the overlap; matches and the interruption stay,
//! and a rule that matches in several segments remains one [`Match`] with the values of all of them.

mod action;
mod bytes;
mod cache;
mod catalog;
mod collection;
mod evaluation;
mod exclusion;
mod link;
mod memory;
mod plan;
mod rule;
mod rule_set;
mod scope;
mod screen;
mod screening;
mod trace;
mod value;
mod variables;

#[cfg(test)]
mod tests;

use transaction::Transaction;

pub use exclusion::{Exclusion, InitialVariables};
pub use link::EVIDENCE_MAX;
pub(crate) use plan::Plan;
pub use screening::{Required, Screening, Unscreened};
pub use trace::{Trace, TraceEvent, TraceKind};

use crate::operator::Budget;
use crate::{AllowScope, EngineMode, Match, Phase, RuleId, Ruleset};
use evaluation::Evaluation;
use memory::Memory;
use screen::Head;

/// What one transaction changes while rules run.
#[derive(Debug, Default)]
pub struct RuleState {
    /// What matched so far, in order, `nolog` rules included.
    pub matches: Vec<Match>,
    /// The first disruptive action that fired, or the first that is enforced.
    pub interruption: Option<Interruption>,
    /// The engine mode after `SecRuleEngine` and `ctl:ruleEngine`.
    pub engine: EngineMode,
    /// `ctl:requestBodyProcessor`, for the reader of the body.
    pub body_processor: Option<transaction::Processor>,
    /// `ctl:requestBodyAccess`.
    pub request_body_access: Option<bool>,
    /// `ctl:responseBodyAccess`.
    pub response_body_access: Option<bool>,
    /// `ctl:auditEngine`.
    pub audit_engine: Option<Box<str>>,
    /// `ctl:auditLogParts`.
    pub audit_log_parts: Option<Box<str>>,
    /// The widest `allow` so far.
    pub allow: Option<AllowScope>,
    /// The work that patterns which are not regular may still cause.
    regex_budget: Budget,
    /// Why rules matched or did not, when somebody asked.
    pub trace: Option<Trace>,
    memory: Memory,
    /// What screening said of the head, which stays.
    head: Head,
    /// The memory of the end of phase 1, and the highest scores of finished segments.
    segments: Option<Box<Segments>>,
}

#[derive(Debug, Default)]
struct Segments {
    start: Memory,
    inbound_score: i64,
    is_later: bool,
}

/// A disruptive action that fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// The rule that did it.
    pub rule: RuleId,
    /// What it asks for.
    pub response: InterruptionResponse,
    /// Whether the rules themselves enforce it: `false` under `SecRuleEngine DetectionOnly`.
    pub enforced: bool,
}

/// What a disruptive action asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InterruptionResponse {
    /// Answer with this status.
    Deny(u16),
    /// Close the connection.
    Drop,
    /// Redirect there.
    Redirect(u16, Vec<u8>),
}

impl RuleState {
    /// The state in which a transaction begins.
    #[must_use]
    pub fn new(ruleset: &Ruleset) -> Self {
        let memory = Memory { web_app_id: ruleset.settings.web_app_id.clone(), ..Memory::default() };
        Self { engine: ruleset.settings.engine.unwrap_or_default(), memory, ..Self::default() }
    }

    /// The value of `TX:name`, with `TX:0`..`TX:9` as captured last.
    #[must_use]
    pub fn tx(&self, name: &str) -> Option<&[u8]> {
        self.memory.tx_bytes(name.as_bytes())
    }

    /// How often it stayed unknown whether a pattern matches a value, because a limit was reached
    /// (`MSC_PCRE_LIMITS_EXCEEDED`).
    #[must_use]
    pub fn regex_limits_exceeded(&self) -> u32 {
        self.regex_budget.exceeded()
    }

    /// CRS's inbound anomaly score, of the worst segment if the body had several: the blocking score of
    /// CRS 4, or the single score of CRS 3.
    #[must_use]
    pub fn inbound_anomaly_score(&self) -> i64 {
        let now =
            self.memory.number(b"blocking_inbound_anomaly_score").max(self.memory.number(b"anomaly_score"));
        now.max(self.segments.as_ref().map_or(0, |segments| segments.inbound_score))
    }

    /// CRS's outbound anomaly score: the blocking score of CRS 4, or the single score of CRS 3.
    #[must_use]
    pub fn outbound_anomaly_score(&self) -> i64 {
        let blocking = self.memory.number(b"blocking_outbound_anomaly_score");
        blocking.max(self.memory.number(b"outbound_anomaly_score"))
    }

    /// Remembers the end of phase 1: every segment of the body starts from here. Not needed for a body
    /// that is one segment.
    pub fn begin_segments(&mut self) {
        self.segments = Some(Box::new(Segments { start: self.memory.clone(), ..Segments::default() }));
    }

    /// Goes back to the variables of [`RuleState::begin_segments`]; matches stay.
    pub fn next_segment(&mut self) {
        let inbound_score = self.inbound_anomaly_score();
        if let Some(segments) = &mut self.segments {
            segments.inbound_score = inbound_score;
            segments.is_later = true;
            self.memory.clone_from(&segments.start);
        }
    }

    /// Becomes what [`RuleState::new`] makes, but keeps the memory it has.
    pub fn reset(&mut self, ruleset: &Ruleset) {
        let (mut matches, mut memory) = (std::mem::take(&mut self.matches), std::mem::take(&mut self.memory));
        matches.clear();
        memory.clear();
        memory.web_app_id.clone_from(&ruleset.settings.web_app_id);
        *self = Self { matches, memory, ..Self::new(ruleset) };
    }

    /// Whether the rules of `phase` run at all.
    fn runs(&self, phase: Phase) -> bool {
        let is_allowed = match self.allow {
            Some(AllowScope::Transaction) => phase != Phase::Logging,
            Some(AllowScope::Request) => phase <= Phase::RequestBody,
            Some(AllowScope::Phase) | None => false,
        };
        self.engine != EngineMode::Off && !is_allowed
    }
}

impl Ruleset {
    /// Runs the rules of one phase. `now_us` is the time (microseconds since the Unix epoch).
    pub fn evaluate(&self, phase: Phase, transaction: &Transaction, now_us: i64, state: &mut RuleState) {
        if state.runs(phase) {
            let plan = self.plan.get_or_init(|| Plan::new(&self.rules));
            Evaluation::new(self, plan, phase, transaction, now_us, state).run();
        }
    }
}
