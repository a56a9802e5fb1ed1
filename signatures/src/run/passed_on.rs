//! Chains whose first link only passes its values on through `TX`.
//!
//! CRS 920450 writes the name of each header to a variable of its own (`setvar:tx.header_name_920450_%{tx.0}=/%{tx.0}/`)
//! and asks of all of those whether they are within a list. Nobody else looks at them, so they need not be made as
//! long as none can be within it, which is nearly always.

use super::collection::Collection;
use super::evaluation::Evaluation;
use super::mentions;
use super::name_pattern::NamePattern;
use super::rule_set::RuleSet;
use crate::operator::{Number, Operator, Pairs};
use crate::{Action, Assignment, Change, Link, Rule, Ruleset, Selector, Target, Text, Variable};

/// How a chain passes values on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PassedOn {
    /// What the names of its variables begin with, lower case.
    prefix: Box<[u8]>,
    /// What is around each value when it is passed on.
    before: Box<[u8]>,
    after: Box<[u8]>,
    /// Who else looks at variables looks at those that have one of these in their name.
    parts: Vec<Part>,
}

/// A part of a name, lower case.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    text: Box<[u8]>,
    /// How much of it the prefix of names may end with.
    overlap: usize,
}

/// Whether a link looks at the variables that are passed on.
enum Sight {
    None,
    /// At those whose names have this in them.
    Named(Box<[u8]>),
    All,
}

/// The chains of that kind among the rules that are reached, when transactions begin with `tx`.
pub(super) fn find(ruleset: &Ruleset, reached: &RuleSet, tx: &Collection) -> Vec<(u32, PassedOn)> {
    let rules = || (0_u32..).zip(&ruleset.rules).filter(|(index, _)| reached.contains(*index));
    let private = |index: u32, mut passed: PassedOn| {
        let is_there = tx.iter().any(|entry| begins(&entry.name, &passed.prefix));
        let is_private =
            !is_there && rules().all(|(other, rule)| passed.is_left_alone_by(rule, other == index));
        is_private.then_some((index, passed))
    };
    rules().filter_map(|(index, rule)| private(index, PassedOn::of(rule)?)).collect()
}

impl PassedOn {
    fn of(rule: &Rule) -> Option<Self> {
        let [first, second] = rule.links.as_slice() else { return None };
        let passed = Self::by(first)?;
        let is_within = matches!(second.operator, Operator::Within(_)) && !second.negated;
        let is_plain =
            second.exclusions.is_empty() && second.transformations.is_empty() && !second.multi_match;
        let [Target { variable: Variable::Tx, selector: Selector::Matching(pattern), count: false }] =
            second.targets.as_slice()
        else {
            return None;
        };
        let selects = NamePattern::of(pattern).matches(&passed.prefix);
        (is_within && is_plain && selects).then_some(passed)
    }

    /// By a first link that takes every value as it is.
    fn by(link: &Link) -> Option<Self> {
        let [Action::SetVar(Assignment { collection, name, change: Change::Set(value) })] =
            link.actions.as_slice()
        else {
            return None;
        };
        let takes_all = link.operator.matches_all() && link.capture && !link.negated && !link.multi_match;
        let is_counted = |target: &Target| target.count;
        let (prefix, rest) = around_capture(name)?;
        let (before, after) = around_capture(value)?;
        let is_so = takes_all && !link.targets.iter().any(is_counted) && collection.as_ref() == "tx";
        (is_so && !prefix.is_empty() && rest.is_empty()).then(|| Self {
            prefix: prefix.to_ascii_lowercase().into(),
            before: before.into(),
            after: after.into(),
            parts: Vec::new(),
        })
    }

    /// Whether a rule, `own` or not, does nothing else with these variables; notes the parts of names that it looks for.
    fn is_left_alone_by(&mut self, rule: &Rule, own: bool) -> bool {
        let is_named = |(variable, key): (Variable, Option<&[u8]>)| {
            variable == Variable::Tx && key.is_none_or(|name| begins(name, &self.prefix))
        };
        if mentions::of_rule(rule).any(|text| text.macros().any(is_named)) {
            return false;
        }
        rule.links.iter().enumerate().all(|(index, link)| {
            let (looks, sets) = (own && index == 1, own && index == 0);
            (looks || self.is_not_seen_by(link)) && (sets || !self.is_set_by(link))
        })
    }

    fn is_not_seen_by(&mut self, link: &Link) -> bool {
        link.targets.iter().all(|target| match self.sight(link, target) {
            Sight::None => true,
            Sight::All => false,
            Sight::Named(text) => {
                let is_overlap = |length: &usize| begins(&text, &self.prefix[self.prefix.len() - length..]);
                let overlap = (1..=self.prefix.len()).rev().find(is_overlap).unwrap_or(0);
                self.parts.push(Part { text, overlap });
                true
            }
        })
    }

    fn sight(&self, link: &Link, target: &Target) -> Sight {
        if target.variable != Variable::Tx || (!target.count && self.is_never_matched_by(link)) {
            return Sight::None;
        }
        let seen = match &target.selector {
            Selector::Named(name) => begins(name, &self.prefix),
            Selector::Matching(pattern) => {
                let pattern = NamePattern::of(pattern);
                // What the prefix has in it already all of them have.
                if let Some(part) = pattern.part().filter(|_| !pattern.matches(&self.prefix)) {
                    return Sight::Named(part.to_ascii_lowercase().into());
                }
                pattern.may_begin(&self.prefix)
            }
            _ => true,
        };
        if seen { Sight::All } else { Sight::None }
    }

    /// Whether a link that looks at these variables matches none: where they begin so, they are 0 as numbers.
    fn is_never_matched_by(&self, link: &Link) -> bool {
        let Operator::Compare(comparison, Number::Fixed(argument)) = &link.operator else { return false };
        let is_no_number =
            matches!(self.before.first(), Some(b'/' | b':' | b'_' | b'a'..=b'z' | b'A'..=b'Z'));
        let is_plain = link.transformations.is_empty() && !link.negated;
        is_plain && is_no_number && !comparison.holds(&self.before, *argument)
    }

    fn is_set_by(&self, link: &Link) -> bool {
        link.actions.iter().any(|action| match action {
            Action::SetVar(Assignment { collection, name, .. }) if collection.as_ref() == "tx" => {
                match name.as_literal() {
                    Some(name) => begins(name, &self.prefix),
                    None => begins(name.prefix(), &self.prefix) || begins(&self.prefix, name.prefix()),
                }
            }
            _ => false,
        })
    }
}

impl Part {
    /// Whether the name of the variable for a value has it.
    fn is_in_name(&self, prefix: &[u8], value: &[u8]) -> bool {
        value.len() + self.overlap >= self.text.len() && {
            let name = [prefix, value].concat();
            name.windows(self.text.len()).any(|part| part.eq_ignore_ascii_case(&self.text))
        }
    }
}

/// What is before and behind the only macro of a text, `%{tx.0}`.
fn around_capture(text: &Text) -> Option<(&[u8], &[u8])> {
    let mut macros = text.macros();
    let is_capture = macros.next() == Some((Variable::Tx, Some(b"0".as_slice()))) && macros.next().is_none();
    is_capture.then(|| (text.prefix(), text.suffix()))
}

/// Whether a name begins so, without case.
fn begins(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
}

impl<'r> Evaluation<'r, '_> {
    /// `Some(false)` when a rule passes values on and none can match; `None` when it has to run.
    pub(super) fn pass_on(&mut self, index: u32, rule: &'r Rule) -> Option<bool> {
        let (_, passed) = self.known?.passed_on.iter().find(|(passed, _)| *passed == index)?;
        let [first, second] = rule.links.as_slice() else { return None };
        if self.state.memory.removed.contains(index) {
            return None;
        }
        let pairs = second.operator.argument()?.with(&self.scope(rule), Pairs::of);
        let mut last = None;
        for target in &first.targets {
            let may_match = self.any_listed(index, rule, target, |bytes| {
                let is_seen = passed.parts.iter().any(|part| part.is_in_name(&passed.prefix, &bytes));
                let may_match = is_seen || pairs.may_have([&passed.before, &bytes, &passed.after]);
                last = Some(bytes);
                may_match
            })?;
            if may_match {
                return None;
            }
        }
        last.iter().for_each(|last| self.state.memory.captures.set(last));
        Some(false)
    }
}
