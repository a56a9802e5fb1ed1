//! What matched last, for rules that ask of it outside a chain of their own.
//!
//! `MATCHED_VAR` "holds the value of the most-recently matched variable" (reference manual): behind a link that
//! matched that is its value, anywhere else that of an earlier rule, of whatever phase. Few rules ask so, and
//! only beside them it is kept.

use super::evaluation::Evaluation;
use super::value::Value;
use crate::operator::Operator;
use crate::{Action, Change, Disruptive, Link, Rule, Text, Variable};

/// Whether a rule may ask what a rule before it matched.
pub(super) fn asks(rule: &Rule) -> bool {
    rule.links.first().is_some_and(|first| {
        let target = first.targets.iter().any(|target| is_last_match(target.variable));
        // A `SecAction` matches nothing itself.
        let is_action = first.targets.is_empty();
        target
            || operator_asks(&first.operator)
            || is_action && rule.links.iter().any(|link| acts_on(link, rule))
    })
}

/// What is asked of the last match alone: `MATCHED_VARS` are of the previous link.
fn is_last_match(variable: Variable) -> bool {
    matches!(variable, Variable::MatchedVar | Variable::MatchedVarName)
}

fn operator_asks(operator: &Operator) -> bool {
    operator.argument().is_some_and(mentions)
}

fn mentions(text: &Text) -> bool {
    text.macros().any(|(variable, _)| is_last_match(variable))
}

/// Whether what a match does or says mentions it.
fn acts_on(link: &Link, rule: &Rule) -> bool {
    let meta = &rule.meta;
    let location = match &rule.disruptive {
        Disruptive::Redirect { location, .. } => Some(location),
        _ => None,
    };
    let told = [meta.msg.as_ref(), meta.logdata.as_ref(), location].into_iter().flatten().chain(&meta.tags);
    operator_asks(&link.operator) || told.chain(link.actions.iter().flat_map(texts)).any(mentions)
}

fn texts(action: &Action) -> impl Iterator<Item = &Text> {
    let texts = match action {
        Action::SetVar(assignment) => match &assignment.change {
            Change::Add(text) | Change::Set(text) | Change::Subtract(text) => {
                [Some(&assignment.name), Some(text)]
            }
            Change::Unset => [Some(&assignment.name), None],
        },
        Action::InitCol { key, .. } | Action::SetId { key, .. } => [Some(key), None],
        Action::DeprecateVar { name, amount: text, .. } | Action::ExpireVar { name, seconds: text, .. } => {
            [Some(name), Some(text)]
        }
        Action::Ctl(_) | Action::Sanitise(_) => [None, None],
    };
    texts.into_iter().flatten()
}

impl<'t> Evaluation<'_, 't> {
    /// Remembers a match for rules to come.
    pub(super) fn remember(&mut self, value: &Value<'t>) {
        if self.plan.recalls_matches() {
            self.state.memory.last_match = Some(value.to_static());
        }
    }
}
