//! The texts of a rule that may have macros.

use crate::{Action, Change, Disruptive, Link, Rule, Text};

/// All of them: arguments of operators, what actions expand, and what is told of a match.
pub(super) fn of_rule(rule: &Rule) -> impl Iterator<Item = &Text> {
    let of_links =
        rule.links.iter().flat_map(|link| link.operator.argument().into_iter().chain(of_actions(link)));
    of_links.chain(of_match(rule))
}

/// What a link's actions expand.
fn of_actions(link: &Link) -> impl Iterator<Item = &Text> {
    link.actions.iter().flat_map(of_action)
}

/// What a match of the whole chain expands to tell of it.
fn of_match(rule: &Rule) -> impl Iterator<Item = &Text> {
    let location = match &rule.disruptive {
        Disruptive::Redirect { location, .. } => Some(location),
        _ => None,
    };
    let meta = &rule.meta;
    [meta.msg.as_ref(), meta.logdata.as_ref(), location].into_iter().flatten().chain(&meta.tags)
}

fn of_action(action: &Action) -> impl Iterator<Item = &Text> {
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
