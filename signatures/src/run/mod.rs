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
//! - `MATCHED_VARS` are all matches of the previous link, and `MATCHED_VAR` is the last of them, or else what an
//!   earlier rule matched last; both keep the names they had there, so that what is reported is the field and not
//!   the bookkeeping.
//! - After a disruptive action the phase goes on, so that enforcing and detecting rules find the same
//!   evidence; the first [`Interruption`] is kept. Only `allow` ends a phase, in both modes.
//! - `initcol` and its like open a collection in the order of the rule's actions when no chained rule follows,
//!   and when the whole chain matched otherwise; the first key of a transaction holds. What was set before that
//!   is of the collection all the same, and `expirevar` and `deprecatevar` come after the rule's `setvar`s.
//! - Persistent collections are read from the state's store ([`RuleState::use_store`]) and written to it at the
//!   end ([`RuleState::commit`]); without a store they live as long as the transaction.
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
mod gate;
mod last_match;
mod link;
mod memory;
mod mentions;
mod meter;
mod name_pattern;
mod passed_on;
mod persistent;
mod pipeline;
mod plan;
mod prologue;
mod reach;
mod routine;
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

use std::sync::Arc;

use transaction::Transaction;

pub use exclusion::{Exclusion, InitialVariables};
pub use link::EVIDENCE_MAX;
pub use meter::{Meter, Work};
pub(crate) use plan::Plan;
pub use screening::{Required, Screening, Unscreened};
pub use trace::{Trace, TraceEvent, TraceKind};
pub(crate) use variables::is_remembered;

use crate::collections::CollectionStore;
use crate::operator::Budget;
use crate::{AllowScope, AuditEngine, AuditParts, EngineMode, Match, Phase, RuleId, Ruleset};
use evaluation::Evaluation;
use memory::Memory;
use persistent::{Committed, Persistent};
use prologue::Prologue;
use screen::Head;

/// What one transaction changes while rules run.
#[derive(Debug, Default)]
pub struct RuleState {
    /// What matched so far, in order, `nolog` rules included; rules that do nothing but skip others by a variable
    /// of `TX` only where audit records may be written.
    pub matches: Vec<Match>,
    /// The first disruptive action that fired, or the first that is enforced.
    pub interruption: Option<Interruption>,
    /// The engine mode after `SecRuleEngine` and `ctl:ruleEngine`.
    pub engine: EngineMode,
    /// `ctl:requestBodyProcessor`, for the reader of the body.
    pub body_processor: Option<transaction::Processor>,
    /// `ctl:requestBodyAccess`.
    pub request_body_access: Option<bool>,
    /// `ctl:requestBodyLimit` (bytes).
    pub request_body_bytes_max: Option<u64>,
    /// `ctl:responseBodyLimit` (bytes).
    pub response_body_bytes_max: Option<usize>,
    /// `ctl:responseBodyAccess`.
    pub response_body_access: Option<bool>,
    /// `ctl:auditEngine`.
    pub audit_engine: Option<AuditEngine>,
    /// `ctl:auditLogParts`.
    pub audit_parts: Option<AuditParts>,
    /// Whether a rule matched that is worth an audit record (`auditlog`).
    pub audit_relevant: bool,
    /// Names of values that are written down nowhere (`sanitiseArg`, `sanitiseMatched`): `ARGS:password`.
    pub sanitised: Vec<String>,
    /// The widest `allow` so far.
    pub allow: Option<AllowScope>,
    /// Whether a list in the DNS that a rule asked of did not answer (`@rbl`).
    pub list_unanswered: bool,
    /// The work that patterns which are not regular may still cause.
    regex_budget: Budget,
    /// Why rules matched or did not, when somebody asked.
    pub trace: Option<Trace>,
    /// Is told of the work that is done, when somebody asked.
    pub meter: Option<Box<dyn Meter>>,
    /// Where persistent collections are kept.
    store: Option<Arc<dyn CollectionStore>>,
    memory: Memory,
    /// What the first rules do for every transaction, until they are passed.
    prologue: Option<Arc<Prologue>>,
    /// What is known of a transaction that began behind the prologue.
    known: Option<Arc<Prologue>>,
    /// What screening said of the head, which stays.
    head: Head,
    /// The memory of the end of phase 1, and the highest scores of finished segments.
    segments: Option<Box<Segments>>,
}

#[derive(Debug, Default)]
struct Segments {
    start: Memory,
    inbound_score: i64,
    /// What finished segments changed of persistent collections.
    committed: Vec<Committed>,
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
            let finished = self.memory.persistent.iter().filter_map(Persistent::committed);
            segments.committed = join_segments(finished.collect(), &segments.committed);
            self.memory.clone_from(&segments.start);
        }
    }

    /// Keeps persistent collections in a store; to be said before the first phase.
    pub fn use_store(&mut self, store: Arc<dyn CollectionStore>) {
        self.store = Some(store);
    }

    /// Writes what rules changed of persistent collections to the store; to be called once, when the
    /// transaction is over. `now_us` is the time (microseconds since the Unix epoch).
    pub fn commit(&self, ruleset: &Ruleset, now_us: i64) {
        let Some(store) = &self.store else { return };
        let changed = self.memory.persistent.iter().filter_map(Persistent::committed).collect();
        let earlier = self.segments.as_ref().map(|segments| segments.committed.as_slice());
        for Committed { key, changes } in join_segments(changed, earlier.unwrap_or_default()) {
            store.commit(&key, &changes.into_updates(), now_us, ruleset.settings.collection_timeout_s());
        }
    }

    /// Has a value written down nowhere.
    fn sanitise(&mut self, name: String) {
        if self.sanitised.len() < SANITISED_MAX && !self.sanitised.contains(&name) {
            self.sanitised.push(name);
        }
    }

    /// Becomes what [`RuleState::new`] makes, but keeps the memory and the store it has.
    pub fn reset(&mut self, ruleset: &Ruleset) {
        let (mut matches, mut memory) = (std::mem::take(&mut self.matches), std::mem::take(&mut self.memory));
        matches.clear();
        memory.clear();
        memory.web_app_id.clone_from(&ruleset.settings.web_app_id);
        let store = self.store.take();
        *self = Self { matches, memory, store, ..Self::new(ruleset) };
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

/// What segments changed, those of the same record joined.
fn join_segments(mut later: Vec<Committed>, earlier: &[Committed]) -> Vec<Committed> {
    for finished in earlier {
        match later.iter_mut().find(|known| known.key == finished.key) {
            Some(known) => known.changes.join_segment(&finished.changes),
            None => later.push(finished.clone()),
        }
    }
    later
}

impl Ruleset {
    /// Runs the rules of one phase. `now_us` is the time (microseconds since the Unix epoch).
    pub fn evaluate(&self, phase: Phase, transaction: &Transaction, now_us: i64, state: &mut RuleState) {
        if state.runs(phase) {
            let plan = self.plan.get_or_init(|| Plan::new(self));
            let begin = state.pass_prologue(phase);
            // Whoever is traced looks at everything.
            let is_screened = state.trace.is_none();
            let known = state.known.clone().filter(|_| is_screened);
            let screen = match &known {
                Some(known) => Some(&*known.screen),
                None => is_screened.then(|| plan.screen(&self.rules)),
            };
            let mut evaluation = Evaluation::new(self, plan, screen, phase, transaction, now_us, state);
            evaluation.known = known.as_deref();
            evaluation.run(begin);
        }
    }
}

/// Names of values that one transaction keeps from being written down (count).
const SANITISED_MAX: usize = 64;
