//! Rules that compare one variable of `TX` with a number, which most of CRS's bookkeeping is.
//!
//! `SecRule TX:DETECTION_PARANOIA_LEVEL "@lt 2" "...,skipAfter:..."` stands in CRS a hundred times. Such a rule is
//! asked once, and again only after a variable of `TX` changed.

use std::sync::Arc;

use super::collection::Collection;
use super::evaluation::Evaluation;
use super::memory::{Memory, RemovedTarget};
use crate::operator::{Comparison, Number, Operator};
use crate::{Disruptive, Link, Rule, Selector, Variable};

/// What the first link of a rule asks, where that is a comparison of one variable of `TX`, or of whether it is
/// there, with a number.
#[derive(Debug)]
pub(super) struct Gate {
    question: Question,
    /// The same for the same question.
    id: usize,
    /// Whether a match does nothing but skip.
    only_skips: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Question {
    name: Arc<[u8]>,
    /// Whether it is how many there are that is compared.
    count: bool,
    comparison: Comparison,
    argument: i64,
    negated: bool,
}

/// Collects the questions of rules.
#[derive(Debug, Default)]
pub(super) struct GateBuilder(Vec<Question>);

/// The answers to the first questions, as long as `TX` stays as it is.
#[derive(Debug, Default)]
pub(super) struct Answers {
    changes: u32,
    known: u64,
    yes: u64,
}

impl GateBuilder {
    /// The gate of a rule that has one.
    pub(super) fn gate(&mut self, rule: &Rule) -> Option<Gate> {
        let question = rule.links.first().and_then(Question::of)?;
        let id = self.0.iter().position(|known| *known == question).unwrap_or(self.0.len());
        if id == self.0.len() {
            self.0.push(question.clone());
        }
        Some(Gate { question, id, only_skips: only_skips(rule) })
    }
}

impl Gate {
    /// The name of the variable.
    pub(super) fn name(&self) -> &[u8] {
        &self.question.name
    }

    /// Whether what it asks holds.
    pub(super) fn holds(&self, tx: &Collection) -> bool {
        self.question.holds(tx)
    }

    /// Whether a match of the rule does nothing but skip.
    pub(super) fn only_skips(&self) -> bool {
        self.only_skips
    }
}

impl Question {
    fn of(link: &Link) -> Option<Self> {
        let [target] = link.targets.as_slice() else { return None };
        let Operator::Compare(comparison, Number::Fixed(argument)) = &link.operator else { return None };
        let is_plain = link.exclusions.is_empty() && link.transformations.is_empty() && !link.multi_match;
        let Selector::Named(name) = &target.selector else { return None };
        let is_capture = matches!(**name, [b'0'..=b'9']);
        if target.variable != Variable::Tx || is_capture || !is_plain {
            return None;
        }
        let (name, count) = (name.clone(), target.count);
        Some(Self { name, count, comparison: *comparison, argument: *argument, negated: link.negated })
    }

    fn holds(&self, tx: &Collection) -> bool {
        let found = tx.get(&self.name);
        let value: &[u8] = match (found, self.count) {
            (None, false) => return false,
            (Some(entry), false) => &entry.value,
            (None, true) => b"0",
            (Some(_), true) => b"1",
        };
        self.comparison.holds(value, self.argument) != self.negated
    }
}

/// Whether all that a match of the rule does is to go on elsewhere.
fn only_skips(rule: &Rule) -> bool {
    let is_bare = |link: &Link| link.actions.is_empty() && !link.capture;
    rule.links.len() == 1
        && rule.links.iter().all(is_bare)
        && !rule.log
        && rule.meta.severity.is_none()
        && matches!(rule.disruptive, Disruptive::Pass)
}

impl<'r> Evaluation<'r, '_> {
    /// Whether a rule matches, when its gate says so already and all is done; `None` when the rule has to run.
    pub(super) fn pass_gate(&mut self, index: u32, rule: &'r Rule) -> Option<bool> {
        let gate = self.plan.gate(index)?;
        let memory = &self.state.memory;
        let is_of_tx = |removed: &RemovedTarget| removed.target.variable == Variable::Tx;
        if self.state.trace.is_some()
            || memory.removed.contains(index)
            || memory.removed_targets.iter().any(is_of_tx)
        {
            return None;
        }
        if !self.answers.answer(gate, memory) {
            return Some(false);
        }
        // Where what it matched is asked for, it runs as any other.
        (gate.only_skips && !self.plan.recalls_matches()).then(|| {
            self.note_bare_match(index, rule);
            true
        })
    }
}

impl Answers {
    fn answer(&mut self, gate: &Gate, memory: &Memory) -> bool {
        if gate.id >= 64 {
            return gate.question.holds(&memory.tx);
        }
        if self.changes != memory.tx.changes() {
            *self = Self { changes: memory.tx.changes(), ..Self::default() };
        }
        let bit = 1 << gate.id;
        if self.known & bit == 0 {
            self.known |= bit;
            self.yes |= if gate.question.holds(&memory.tx) { bit } else { 0 };
        }
        self.yes & bit != 0
    }
}
