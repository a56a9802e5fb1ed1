//! What rules see in a transaction: a SecLang engine and the built-in rules.
//!
//! Rule text goes through [`seclang`] (lexer, parser, lowering) into an immutable [`Ruleset`]; a
//! [`RuleState`] holds what one transaction changes (TX, captures, `ctl` overrides, matches). Every
//! regular expression, macro and name is resolved at load, so that evaluation cannot fail.

mod action;
mod audit;
mod diagnostic;
mod matches;
mod parallel;
mod pool;
mod prefilter;
mod rule;
mod ruleset;
mod text;
mod variable;
mod xpath;

pub mod builtin;
pub mod collections;
pub mod libinjection;
pub mod operator;
pub mod run;
pub mod seclang;
pub mod suggest;
pub mod transformation;

pub use action::{
    Action, AllowScope, Assignment, Change, Ctl, Disruptive, EngineMode, RuleSelector, Sanitise, Skip,
};
pub use audit::{AuditEngine, AuditFormat, AuditParts, AuditPartsChange, AuditSettings, AuditType};
pub use diagnostic::{Diagnostic, Location, Severity, SourceFile};
pub use matches::{MATCHED_BYTES_MAX, Match, MatchedValue};
pub use rule::{Link, Meta, ParanoiaLevel, Phase, Rule, RuleId, RuleSeverity};
pub use ruleset::{LimitAction, RuleLimits, Ruleset, Settings, Step};
pub use run::{
    EVIDENCE_MAX, Exclusion, InitialVariables, Interruption, InterruptionResponse, RuleState, Trace,
    TraceEvent, TraceKind,
};
pub use text::{Resolve, Text};
pub use variable::{Selector, Target, Variable};
pub use xpath::XPath;
