//! What a value must hold so that a rule can match it, known before any rule is asked.
//!
//! Most values match no rule, and to ask each rule about each value is what an evaluation would spend its
//! time on. So an operator says at load what every value that it matches holds ([`Needs`]: literals or bytes,
//! taken from the syntax tree of a pattern, or from phrases), and one pass over a value tells which of all
//! these are in it ([`Scanner`]). Only rules whose needs are met are asked.
//!
//! # Soundness
//!
//! A prefilter may say "perhaps", but never miss. That holds by construction:
//! - needs are only ever weakened: a literal is replaced by a part of it, a list of needs loses some;
//! - case is ignored throughout, which weakens too, and lets `t:lowercase` leave the answer as it was;
//! - what cannot be described has no needs, and its rule is always asked.
//!
//! Tests compare an evaluation with the prefilter to one without it, on random values.

mod branches;
mod byte_set;
mod clause;
mod literals;
mod needs;
mod pairs;
mod pattern;
mod restricted;
mod scanner;

pub(crate) use branches::{BranchClauses, Branches};
pub(crate) use byte_set::ByteSet;
pub(crate) use clause::Clause;
pub(crate) use needs::Needs;
pub(crate) use pattern::{needs as pattern_needs, needs_of_large as large_pattern_needs};
pub(crate) use scanner::{ClauseId, Scanner, ScannerBuilder, Wanted, is_met};
