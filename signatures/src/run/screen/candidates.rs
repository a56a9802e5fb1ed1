//! The values of a transaction that screened rules look at.

use std::ops::Range;

use super::super::evaluation::Evaluation;
use super::super::rule_set::RuleSet;
use super::class::Scratch;
use super::known::{Known, Place};
use super::{PhaseScreen, Screen, ScreenedVariable};
use crate::Variable;
use crate::pool::Held;

/// The values of one phase that screened rules look at; when nothing was screened, every rule looks at all.
#[derive(Debug, Default)]
pub(in crate::run) struct Candidates<'r> {
    screen: Option<&'r PhaseScreen>,
    /// In order, each once.
    found: Vec<Candidate>,
    rules: RuleSet,
    /// What was said of values before; `None` when that is not at hand.
    known: Option<Held<'r, Known>>,
}

/// A value that a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    rule: u32,
    variable: Variable,
    /// Where the value is among those of the variable.
    index: u32,
    /// Where it is remembered.
    place: Option<Place>,
}

impl Candidates<'_> {
    /// Whether no value that the rule looks at can make it match.
    pub(in crate::run) fn leave_out(&self, rule: u32) -> bool {
        !self.rules.contains(rule) && self.is_screened(rule)
    }

    /// The values of a variable that a rule has to look at; `None` is all.
    pub(in crate::run) fn of(&self, rule: u32, variable: Variable) -> Option<Range<usize>> {
        if !self.is_screened(rule) {
            return None;
        }
        let begin = self.found.partition_point(|it| (it.rule, it.variable) < (rule, variable));
        let count =
            self.found[begin..].iter().take_while(|it| (it.rule, it.variable) == (rule, variable)).count();
        Some(begin..begin + count)
    }

    /// Where a value of [`Candidates::of`] is among those of the variable.
    pub(in crate::run) fn index(&self, at: usize) -> usize {
        self.found.get(at).map_or(usize::MAX, |found| found.index as usize)
    }

    /// Remembers that the rule does not match the value, whatever else the request holds.
    pub(in crate::run) fn rule_out(&mut self, at: usize) {
        let found = self.found.get(at);
        let known = self.known.as_mut().and_then(|known| known.as_mut());
        if let (Some(Candidate { rule, place: Some(place), .. }), Some(known)) = (found, known) {
            known.rule_out(*place, *rule);
        }
    }

    fn is_screened(&self, rule: u32) -> bool {
        self.screen.is_some_and(|screen| screen.rules.contains(rule))
    }
}

impl<'r, 't> Evaluation<'r, 't> {
    /// Screens all values that rules of the phase look at.
    pub(in crate::run) fn screen_all(&mut self) {
        let screen = &self.plan.screen;
        let phase = &screen.phases[self.phase.index()];
        if phase.variables.is_empty() {
            return;
        }
        self.candidates.screen = Some(phase);
        self.candidates.known = screen.known.free();
        let mut scratch = Scratch::default();
        for variable in screen.variables(phase) {
            self.screen_variable(screen, phase, variable, &mut scratch);
        }
        self.candidates.found.sort_unstable();
    }

    /// Lists a variable anew when it is next asked for, because a `ctl` changed what it is.
    pub(in crate::run) fn forget(&mut self, variable: Variable) {
        self.catalog.forget(variable);
        let Some(phase) = self.candidates.screen else { return };
        let screen = &self.plan.screen;
        if let Some(screened) = screen.variables(phase).find(|screened| screened.variable == variable) {
            self.candidates.found.retain(|it| it.variable != variable);
            self.screen_variable(screen, phase, screened, &mut Scratch::default());
            self.candidates.found.sort_unstable();
        }
    }

    fn screen_variable(
        &mut self,
        screen: &'r Screen,
        phase: &'r PhaseScreen,
        screened: &'r ScreenedVariable,
        scratch: &mut Scratch<'t>,
    ) {
        let variable = screened.variable;
        let values = self.catalog.values(variable, self.scene());
        let (plan, cache, candidates) = (self.plan, &mut self.cache, &mut self.candidates);
        let Candidates { found, rules, known, .. } = candidates;
        let mut known = known.as_mut().map(|known| known.get_or_insert_default());
        let mut may_match = Vec::new();
        for (index, value) in (0_u32..).zip(values.iter()) {
            let class = screened.class(value);
            if class.is_empty() {
                continue;
            }
            let mut add = |rule_indices: &[u32], place| {
                for rule in rule_indices.iter().copied().filter(|rule| phase.rules.contains(*rule)) {
                    rules.insert(rule);
                    found.push(Candidate { rule, variable, index, place });
                }
            };
            if let Some((place, rules)) = known.as_ref().and_then(|it| it.get(class.id, &value.bytes)) {
                add(rules, Some(place));
                continue;
            }
            may_match.clear();
            let transform = |pipeline| cache.transform(plan, pipeline, &value.bytes);
            class.screen(&value.bytes, &screen.scanner, scratch, transform, |rule| {
                if !may_match.contains(&rule) {
                    may_match.push(rule);
                }
            });
            let place = known.as_mut().and_then(|it| it.keep(class.id, &value.bytes, &may_match));
            add(&may_match, place);
        }
    }
}
