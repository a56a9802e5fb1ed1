//! `contradiction`: a chain whose tests of one value exclude each other.

use std::ops::RangeInclusive;

use super::super::draft::{Draft, Written};
use super::links;
use crate::operator::{Comparison, Number, Operator};
use crate::{Action, Diagnostic, Link, Selector, Target, Variable};

pub(super) fn check(draft: &Draft, out: &mut Vec<Diagnostic>) {
    let links: Vec<_> = links(draft).collect();
    for (at, (second, second_written)) in links.iter().enumerate().skip(1) {
        let mut before = links[..at].iter().rev();
        let mut changed = false;
        let contradicts = |(first, _): &&(&Link, &Written)| {
            changed |= first.actions.iter().any(|action| matches!(action, Action::SetVar(_)));
            !changed && exclude(first, second)
        };
        if let Some((_, first)) = before.find(contradicts) {
            out.push(
                Diagnostic::warning("contradiction", "the chain never matches: two tests exclude each other")
                    .at(second_written.operator.argument.location(), "no value passes this")
                    .related(first.operator.argument.location(), "and this"),
            );
        }
    }
}

/// Whether no value passes both tests.
fn exclude(first: &Link, second: &Link) -> bool {
    let is_same = match (first.targets.as_slice(), second.targets.as_slice()) {
        ([one], [other]) => is_one_value(one) && is_same(one, other),
        _ => false,
    };
    if !is_same || first.transformations != second.transformations || first.multi_match || second.multi_match
    {
        return false;
    }
    match (&first.operator, &second.operator) {
        (Operator::Streq(one), Operator::Streq(other)) => {
            let different = one.as_literal().zip(other.as_literal()).is_some_and(|(one, other)| one != other);
            different && !first.negated && !second.negated
        }
        _ => match (numbers(first), numbers(second)) {
            (Some(one), Some(other)) => one.start().max(other.start()) > one.end().min(other.end()),
            _ => false,
        },
    }
}

/// The numbers that pass.
fn numbers(link: &Link) -> Option<RangeInclusive<i64>> {
    let Operator::Compare(comparison, Number::Fixed(number)) = &link.operator else { return None };
    let least = if link.targets.iter().all(|target| target.count) { 0 } else { i64::MIN };
    Some(match (comparison, link.negated) {
        (Comparison::Eq, false) => *number..=*number,
        (Comparison::Eq, true) => return None,
        (Comparison::Ge, false) | (Comparison::Lt, true) => *number..=i64::MAX,
        (Comparison::Gt, false) | (Comparison::Le, true) => number.checked_add(1)?..=i64::MAX,
        (Comparison::Le, false) | (Comparison::Gt, true) => least..=*number,
        (Comparison::Lt, false) | (Comparison::Ge, true) => least..=number.checked_sub(1)?,
    })
}

/// Whether a target is one value, the same throughout a chain that sets nothing.
fn is_one_value(target: &Target) -> bool {
    let changes = matches!(
        target.variable,
        Variable::Duration | Variable::HighestSeverity | Variable::MatchedVar | Variable::MatchedVarName
    );
    let is_set_once = matches!(
        target.variable,
        Variable::Global
            | Variable::Ip
            | Variable::Resource
            | Variable::Session
            | Variable::Tx
            | Variable::User
    ) && matches!(target.selector, Selector::Named(_));
    !changes && (target.count || is_set_once || !target.variable.is_collection())
}

fn is_same(one: &Target, other: &Target) -> bool {
    let same_part = match (&one.selector, &other.selector) {
        (Selector::All, Selector::All) => true,
        (Selector::Named(one), Selector::Named(other)) => one.eq_ignore_ascii_case(other),
        _ => false,
    };
    one.variable == other.variable && one.count == other.count && same_part
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn finds_tests_that_exclude_each_other() {
        for (first, actions, second, expected) in [
            ("REQUEST_METHOD \"@streq GET\"", "", "REQUEST_METHOD \"@streq POST\"", "contradiction"),
            (
                "REQUEST_METHOD \"@streq GET\"",
                ",t:lowercase",
                "REQUEST_METHOD \"@streq POST\"",
                "never-matches",
            ),
            ("REQUEST_METHOD \"@streq GET\"", "", "REQUEST_METHOD \"!@streq POST\"", ""),
            ("TX:A \"@gt 10\"", "", "TX:a \"@lt 5\"", "contradiction"),
            ("TX:A \"@gt 10\"", ",setvar:tx.a=1", "TX:a \"@lt 5\"", ""),
            ("TX:A \"@gt 10\"", "", "TX:b \"@lt 5\"", ""),
            ("TX:A \"@gt 10\"", "", "TX:a \"@le 11\"", ""),
            ("TX:A \"@gt 10\"", "", "TX:a \"@le 10\"", "contradiction"),
            ("&ARGS \"@eq 0\"", "", "&ARGS \"!@lt 1\"", "contradiction"),
            ("ARGS:a \"@gt 10\"", "", "ARGS:a \"@lt 5\"", ""),
        ] {
            let rules =
                format!("SecRule {first} \"id:1,phase:2,deny,chain{actions}\"\nSecRule {second} \"t:none\"");
            check(&rules, expected.split_terminator(',').collect::<Vec<_>>().as_slice());
        }
    }
}
