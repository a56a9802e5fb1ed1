//! A second matcher, for patterns that are not regular: look-around, back-references, atomic groups and
//! possessive quantifiers, as ModSecurity rules written for PCRE use them.
//!
//! It reads patterns with the rewriter's own reader, so that both matchers mean the same by what they share:
//! bytes, no Unicode, `.` matches every byte, `$` only the end, `(?i)` folds ASCII. It tries branches in
//! order, with a stack of its own, and in steps that are counted: when the [`Budget`] is used up, that is said
//! and not guessed. Recursion, conditions, callouts, verbs, `\G`, `\K` and Unicode classes are refused.
//!
//! pcrepattern(3); R. Cox, "Regular Expression Matching: the Virtual Machine Approach"; J. Davis et al.,
//! "Using Selective Memoization to Defeat Regular Expression Denial of Service" (2021), for what is
//! remembered of look-around.

mod budget;
mod group;
mod node;
mod parse;
mod program;
mod run;

#[cfg(test)]
mod tests;

pub use budget::Budget;
pub(super) use program::Program;
pub(super) use run::{Exhausted, Hit};
