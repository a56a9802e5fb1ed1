//! What matched last, for rules that ask of it outside a chain of their own.
//!
//! `MATCHED_VAR` "holds the value of the most-recently matched variable" (reference manual): behind a link that
//! matched that is its value, anywhere else that of an earlier rule, of whatever phase. Few rules ask so, and
//! only beside them it is kept.

use super::evaluation::Evaluation;
use super::mentions;
use super::value::Value;
use crate::{Rule, Text, Variable};

/// Whether a rule may ask what a rule before it matched.
pub(super) fn asks(rule: &Rule) -> bool {
    rule.links.first().is_some_and(|first| {
        let is_target = first.targets.iter().any(|target| is_last_match(target.variable));
        // A `SecAction` matches nothing itself.
        let is_action = first.targets.is_empty();
        is_target
            || first.operator.argument().is_some_and(mentions)
            || is_action && mentions::of_rule(rule).any(mentions)
    })
}

/// What is asked of the last match alone: `MATCHED_VARS` are of the previous link.
fn is_last_match(variable: Variable) -> bool {
    matches!(variable, Variable::MatchedVar | Variable::MatchedVarName)
}

fn mentions(text: &Text) -> bool {
    text.macros().any(|(variable, _)| is_last_match(variable))
}

impl<'t> Evaluation<'_, 't> {
    /// Remembers a match for rules to come.
    pub(super) fn remember(&mut self, value: &Value<'t>) {
        if self.plan.recalls_matches() {
            self.state.memory.last_match = Some(value.to_static());
        }
    }
}
