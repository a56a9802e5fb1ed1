//! Patterns, compiled on all processors before the rules that have them are read.
//!
//! The same pattern is compiled once as long as somebody has it; a rule's operator then finds it there. What does not
//! compile is left to the rule, which says what is wrong.

use std::sync::{Mutex, PoisonError};

use super::lexer::Directive;
use super::mapped::Mapped;
use super::parser::{self, OperatorNode};
use crate::operator::Rx;
use crate::parallel;

/// The patterns of a file's rules; to be kept until these are read.
pub(super) fn compile(directives: &[Directive]) -> Vec<Rx> {
    let patterns: Vec<_> = directives.iter().filter_map(pattern).collect();
    if patterns.len() < PATTERNS_MIN {
        return Vec::new();
    }
    let compiled = Mutex::new(Vec::with_capacity(patterns.len()));
    parallel::for_each(&patterns, |pattern| {
        if let Ok(regex) = Rx::compile(pattern.argument.as_str()) {
            compiled.lock().unwrap_or_else(PoisonError::into_inner).push(regex);
        }
    });
    compiled.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The operator of a `SecRule`, where that is a pattern.
fn pattern(directive: &Directive) -> Option<OperatorNode> {
    let is_rule = directive.name.as_str().eq_ignore_ascii_case("SecRule");
    let operator = parser::operator(directive.words.get(1).filter(|_| is_rule)?);
    let is_pattern = |name: &str| name.eq_ignore_ascii_case("rx") || name.eq_ignore_ascii_case("rxGlobal");
    let named = operator.name.as_ref().map(Mapped::as_str);
    named.is_none_or(is_pattern).then_some(operator)
}

/// Patterns of which it is worth it to start threads (count).
const PATTERNS_MIN: usize = 8;
