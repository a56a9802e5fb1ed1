//! Why rules matched or did not, for people who ask.

use crate::{Phase, RuleId};

/// What happened rule by rule; kept only when [`crate::RuleState::trace`] is set.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// What happened, in order, up to a bound of 100,000 events.
    pub events: Vec<TraceEvent>,
    /// When not empty, only these rules are traced.
    pub only: Vec<RuleId>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceEvent {
    /// The rule.
    pub rule: RuleId,
    /// The phase.
    pub phase: Phase,
    /// Which link of its chain, from 0.
    pub link: usize,
    /// What happened.
    pub kind: TraceKind,
}

/// Why a rule matched or did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceKind {
    /// The link had no value to look at, or none of its values matched.
    NoMatch,
    /// All links matched.
    RuleMatched,
    /// A `ctl` removed the rule from this transaction.
    RuleRemoved,
    /// The operator was asked.
    Tested {
        /// The variable as SecLang names it.
        target: String,
        /// The value after transformations, up to 256 bytes.
        value: Vec<u8>,
        /// What the operator said, after negation.
        matched: bool,
    },
    /// An exclusion or a `ctl` took the value away from the rule.
    ValueExcluded {
        /// The variable as SecLang names it.
        target: String,
    },
}

impl Trace {
    /// Whether events of that rule are kept.
    pub(super) fn wants(&self, rule: RuleId) -> bool {
        self.events.len() < EVENTS_MAX && (self.only.is_empty() || self.only.contains(&rule))
    }
}

/// Events in one trace (count).
const EVENTS_MAX: usize = 100_000;

/// How much of a value an event keeps (bytes).
pub(super) const VALUE_BYTES_MAX: usize = 256;
