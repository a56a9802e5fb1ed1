//! Which rules transactions come to that begin alike.
//!
//! Much of CRS is left out at a paranoia level: `SecRule TX:DETECTION_PARANOIA_LEVEL "@lt 2" "...,skipAfter:..."`
//! stands before it, and no rule ever changes that variable once file 901 has set it. What no transaction comes to
//! is not screened for, and its patterns' automata are not built.

use std::collections::{BTreeMap, BTreeSet};

use super::collection::Collection;
use super::plan::Plan;
use super::rule_set::RuleSet;
use crate::{Action, Ctl, Phase, Rule, Ruleset, Step, Variable};

/// What transactions come to that begin behind a prologue.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// The rules that may have to run.
    pub(super) rules: RuleSet,
    /// Those that skip others for certain, as long as they are not excluded.
    pub(super) relied: RuleSet,
}

/// What is known before rules run.
pub(super) struct Start<'r> {
    pub(super) ruleset: &'r Ruleset,
    pub(super) plan: &'r Plan,
    /// The first step of phase 1.
    pub(super) position: usize,
    /// `TX` as it is there.
    pub(super) tx: &'r Collection,
}

/// What rules may change of what is known.
#[derive(Debug, Default, PartialEq, Eq)]
struct Changes {
    /// Names in `TX`, lower case.
    names: BTreeSet<Box<[u8]>>,
    /// What names in `TX` begin with that have macros.
    prefixes: BTreeSet<Box<[u8]>>,
    /// What each `ctl` takes away at once: rules as a whole.
    removals: BTreeSet<RuleSet>,
    /// Rules of which a `ctl` may take away their look at `TX`, and what exceeds the number of removals.
    blinded: RuleSet,
}

impl Start<'_> {
    /// The least set of rules that leads to no other: rules outside of it run in no transaction, and so change
    /// nothing that it was found by.
    pub(super) fn reach(&self) -> Reach {
        let mut changes = Changes::default();
        loop {
            let reach = self.reach_despite(&changes);
            let next = self.changes(&reach.rules);
            if next == changes {
                return reach;
            }
            changes = next;
        }
    }

    /// A rule runs only where it was not taken away itself. So what takes it away together with the rule that
    /// skips it (`ctl:ruleRemoveByTag=OWASP_CRS`, CRS 905100) opens no way to it.
    fn reach_despite(&self, changes: &Changes) -> Reach {
        let mut alike: BTreeMap<Vec<bool>, RuleSet> = BTreeMap::new();
        for rule in 0..self.ruleset.rules.len() as u32 {
            let taken_by = changes.removals.iter().map(|removed| removed.contains(rule)).collect();
            alike.entry(taken_by).or_default().insert(rule);
        }
        let mut reach = Reach::default();
        for (taken_by, rules) in &alike {
            let mut removable = changes.blinded.clone();
            let others = changes.removals.iter().zip(taken_by).filter(|(_, is_taken)| !**is_taken);
            others.for_each(|(removed, _)| removable.merge(removed));
            let mut found = Reach::default();
            Phase::ALL.iter().for_each(|phase| self.walk(*phase, changes, &removable, &mut found));
            reach.rules.merge(&found.rules.both(rules));
            reach.relied.merge(&found.relied);
        }
        reach
    }

    /// Goes through the steps of a phase; every way leads forward.
    fn walk(&self, phase: Phase, changes: &Changes, removable: &RuleSet, reach: &mut Reach) {
        let steps = &self.ruleset.phases[phase.index()];
        let begin = if phase == Phase::RequestHeaders { self.position } else { 0 };
        // Where a way leads to; the last is behind all steps.
        let mut reached = vec![false; steps.len() + 1];
        reached[begin.min(steps.len())] = true;
        for (at, step) in steps.iter().map(Step::rule).enumerate() {
            if !reached[at] {
                continue;
            }
            let rule = step.and_then(|index| Some((index, self.ruleset.rules.get(index as usize)?)));
            let skips_to = |rule: &Rule| {
                let position = |skip| self.ruleset.position_after(phase, skip, at + 1).min(steps.len());
                rule.skip.as_ref().map_or(at + 1, position)
            };
            let (outcome, skips_to) = match rule {
                Some((index, rule)) => (self.outcome(index, changes, removable), skips_to(rule)),
                None => (Some(false), at + 1),
            };
            reached[at + 1] |= outcome != Some(true);
            reached[skips_to] |= outcome != Some(false);
            if let Some((index, _)) = rule.filter(|_| outcome != Some(false)) {
                reach.rules.insert(index);
                if outcome == Some(true) {
                    reach.relied.insert(index);
                }
            }
        }
    }

    /// Whether a rule matches in every transaction, and only skips then (`true`), or in none (`false`).
    fn outcome(&self, rule: u32, changes: &Changes, removable: &RuleSet) -> Option<bool> {
        let gate = self.plan.gate(rule)?;
        if changes.may_be(gate.name()) {
            return None;
        }
        match gate.holds(self.tx) {
            false => Some(false),
            true => (gate.only_skips() && !removable.contains(rule)).then_some(true),
        }
    }

    fn changes(&self, rules: &RuleSet) -> Changes {
        let mut changes = Changes::default();
        let reached = (0_u32..).zip(&self.ruleset.rules).filter(|(index, _)| rules.contains(*index));
        reached.for_each(|(_, rule)| self.add_changes(rule, &mut changes));
        changes
    }

    fn add_changes(&self, rule: &Rule, changes: &mut Changes) {
        for action in rule.links.iter().flat_map(|link| &link.actions) {
            match action {
                Action::SetVar(assignment) if assignment.collection.as_ref() == "tx" => {
                    match assignment.name.as_literal() {
                        Some(name) => changes.names.insert(name.to_ascii_lowercase().into()),
                        None => changes.prefixes.insert(assignment.name.prefix().to_ascii_lowercase().into()),
                    };
                }
                Action::Ctl(Ctl::RuleRemove(selector)) => {
                    let removed = self.plan.select(selector, &self.ruleset.rules);
                    if changes.removals.len() < REMOVALS_MAX {
                        changes.removals.insert(removed);
                    } else {
                        changes.blinded.merge(&removed);
                    }
                }
                Action::Ctl(Ctl::RuleRemoveTarget(selector, target)) if target.variable == Variable::Tx => {
                    changes.blinded.merge(&self.plan.select(selector, &self.ruleset.rules));
                }
                _ => {}
            }
        }
    }
}

impl Changes {
    /// Whether a variable of `TX` may become another.
    fn may_be(&self, name: &[u8]) -> bool {
        let lower = name.to_ascii_lowercase();
        lower == LIMITS_EXCEEDED
            || self.names.contains(lower.as_slice())
            || self.prefixes.iter().any(|prefix| lower.starts_with(prefix))
    }
}

/// What the engine itself sets, when a pattern reaches a limit.
const LIMITS_EXCEEDED: &[u8] = b"msc_pcre_limits_exceeded";

/// Removals that are told apart (count): each may double the ways that are gone.
const REMOVALS_MAX: usize = 16;
