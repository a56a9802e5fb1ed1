//! Evaluation of a [`crate::Ruleset`] against a transaction.

use crate::{AllowScope, EngineMode, Match, RuleId};

/// What one transaction changes while rules run.
#[derive(Debug, Default)]
pub struct RuleState {
    /// What matched so far, in order, `nolog` rules included.
    pub matches: Vec<Match>,
    /// The first disruptive action that fired.
    pub interruption: Option<Interruption>,
    /// The engine mode after `SecRuleEngine` and `ctl:ruleEngine`.
    pub engine: EngineMode,
    /// `ctl:requestBodyProcessor`, for the reader of the body.
    pub body_processor: Option<transaction::Processor>,
    /// `ctl:requestBodyAccess`.
    pub request_body_access: Option<bool>,
    /// `ctl:responseBodyAccess`.
    pub response_body_access: Option<bool>,
    /// The widest `allow` so far.
    pub allow: Option<AllowScope>,
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
