//! Stretches of rules that look at nothing but variables of `TX`.
//!
//! CRS sums up its scores at the end of each phase (files 949, 959 and 980), in rules that look at variables which
//! hardly ever differ: nothing was found. What such a stretch does is found out at load for a transaction in which
//! nothing was; one that comes to it with the same values is given the outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::collection::{Collection, Entry};
use super::evaluation::Evaluation;
use super::mentions;
use super::prologue::{is_alike, is_name};
use super::rule_set::RuleSet;
use crate::{Action, Match, Rule, RuleSeverity, Selector, Text};

/// A stretch of rules, and what it does.
#[derive(Debug)]
pub(super) struct Routine {
    /// The step that is next.
    end: usize,
    rules: RuleSet,
    /// What the variables are that the rules look at or set, by their lower-case names.
    before: Named<Arc<[u8]>>,
    /// What those become that change.
    after: Named<Entry>,
    matches: Vec<Match>,
    audit_relevant: bool,
    highest_severity: Option<RuleSeverity>,
}

/// What variables have, or that they are not there, by their lower-case names.
type Named<T> = Vec<(Arc<[u8]>, Option<T>)>;

/// By the rule that they begin with.
pub(super) type Routines = BTreeMap<u32, Routine>;

impl<'r> Evaluation<'r, '_> {
    /// Gives a transaction the outcome of the stretch that begins with a rule, if it is known; the step to go on at.
    pub(super) fn pass_routine(&mut self, index: u32) -> Option<usize> {
        let known = self.known?;
        if !known.begin_routines.contains(index) {
            return None;
        }
        let routine = known.routines.get(&index)?;
        let memory = &mut self.state.memory;
        let value = |key: &[u8]| memory.tx.of_key(key).map(|entry| &*entry.value);
        let is_as_before = routine.before.iter().all(|(key, before)| value(key) == before.as_deref());
        if memory.excludes_from(&routine.rules) || !is_as_before {
            return None;
        }
        routine.after.iter().for_each(|(key, entry)| memory.tx.put(key, entry.as_ref()));
        routine.highest_severity.into_iter().for_each(|severity| memory.note_severity(severity));
        self.state.audit_relevant |= routine.audit_relevant;
        routine.matches.iter().for_each(|found| self.keep(found.clone()));
        Some(routine.end)
    }

    /// The stretches of the phase from a step on, for a transaction in which no other rule matches.
    pub(super) fn routines(&mut self, mut position: usize) -> Routines {
        let steps = &self.ruleset.phases[self.phase.index()];
        let mut found = Routines::new();
        while let Some(step) = steps.get(position) {
            let begin = position;
            position += 1;
            let Some(index) = step.rule() else { continue };
            let outset = self.outset();
            let (end, ran, rules) = self.run_routine(begin);
            position = position.max(end);
            if ran > 0 && end > begin + 1 {
                found.insert(index, self.outcome(outset, end, rules));
            }
        }
        found
    }

    /// What there is before a stretch; `highest_severity` is taken, to see what the stretch makes of none.
    fn outset(&mut self) -> (Collection, usize) {
        self.state.audit_relevant = false;
        self.state.memory.highest_severity = None;
        (self.state.memory.tx.clone(), self.state.matches.len())
    }

    /// Runs rules as long as they look at variables of `TX` alone and nothing is told of them; the next step, how many
    /// ran, and which were passed.
    fn run_routine(&mut self, mut position: usize) -> (usize, usize, RuleSet) {
        let steps = &self.ruleset.phases[self.phase.index()];
        let (mut ran, mut rules) = (0, RuleSet::default());
        while let Some(step) = steps.get(position) {
            let Some(index) = step.rule() else {
                position += 1;
                continue;
            };
            let Some(rule) = self.ruleset.rules.get(index as usize).filter(|rule| is_routine(rule)) else {
                break;
            };
            let matched = match self.pass_gate(index, rule) {
                Some(matched) => matched,
                None => {
                    let (tx, count) = (self.state.memory.tx.clone(), self.state.matches.len());
                    let matched = self.rule(index, rule);
                    if matched && rule.is_told() {
                        // What is told of a match is for the transaction that it happens in.
                        self.state.memory.tx = tx;
                        self.state.matches.truncate(count);
                        (self.state.interruption, self.state.allow) = (None, None);
                        break;
                    }
                    ran += 1;
                    matched
                }
            };
            rules.insert(index);
            position = match &rule.skip {
                Some(skip) if matched => self.ruleset.position_after(self.phase, skip, position + 1),
                _ => position + 1,
            };
        }
        (position.min(steps.len()), ran, rules)
    }

    fn outcome(&mut self, (tx, matches): (Collection, usize), end: usize, rules: RuleSet) -> Routine {
        let passed = (0_u32..).zip(&self.ruleset.rules).filter(|(index, _)| rules.contains(*index));
        let names: BTreeSet<Arc<[u8]>> = passed.flat_map(|(_, rule)| names(rule)).collect();
        let now = &self.state.memory.tx;
        let value = |entry: &Entry| entry.value.clone();
        let is_changed = |key: &&Arc<[u8]>| tx.of_key(key).map(value) != now.of_key(key).map(value);
        let after =
            names.iter().filter(is_changed).map(|key| (key.clone(), now.of_key(key).cloned())).collect();
        let before = names.iter().map(|key| (key.clone(), tx.of_key(key).map(value))).collect();
        Routine {
            end,
            rules,
            before,
            after,
            matches: self.state.matches.drain(matches..).collect(),
            audit_relevant: self.state.audit_relevant,
            highest_severity: self.state.memory.highest_severity,
        }
    }
}

/// Whether a rule looks at variables of `TX` alone, and sets none but such as it names.
fn is_routine(rule: &Rule) -> bool {
    let is_named = |action: &Action| match action {
        Action::SetVar(assignment) => assignment.name.as_literal().is_some(),
        _ => false,
    };
    is_alike(rule) && rule.links.iter().flat_map(|link| &link.actions).all(is_named)
}

/// The variables of `TX` that a rule which looks at nothing else looks at or sets, lower case.
fn names(rule: &Rule) -> impl Iterator<Item = Arc<[u8]>> {
    let targets =
        rule.links.iter().flat_map(|link| &link.targets).filter_map(|target| match &target.selector {
            Selector::Named(name) => Some(&**name),
            _ => None,
        });
    let set = rule.links.iter().flat_map(|link| &link.actions).filter_map(|action| match action {
        Action::SetVar(assignment) => assignment.name.as_literal(),
        _ => None,
    });
    let macros = mentions::of_rule(rule).flat_map(Text::macros);
    let macros = macros.filter_map(|(variable, key)| key.filter(|name| is_name(variable, name)));
    targets.chain(set).chain(macros).map(|name| name.to_ascii_lowercase().into())
}
