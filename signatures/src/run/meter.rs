//! What rules cost, for people who ask.

use std::fmt::Debug;

use crate::RuleId;

/// Is told when a piece of work begins and ends. It has the clock, as evaluation has none.
pub trait Meter: Debug + Send {
    /// Work begins.
    fn begin(&mut self);
    /// The work that began last is done.
    fn end(&mut self, work: Work);
}

/// A piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Finding out which rules of a phase the values may match at all.
    Screening,
    /// A rule that had to run, and whether it matched.
    Rule(RuleId, bool),
}
