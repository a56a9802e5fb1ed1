//! The values of a transaction that screened rules look at.

use super::super::evaluation::Evaluation;
use super::super::rule_set::RuleSet;
use super::class::Scratch;
use super::{PhaseScreen, Screen, ScreenedVariable};
use crate::Variable;

/// The values of one phase that screened rules look at; when nothing was screened, every rule looks at all.
#[derive(Debug, Default)]
pub(in crate::run) struct Candidates<'r> {
    screen: Option<&'r PhaseScreen>,
    /// In order, each once.
    found: Vec<Candidate>,
    rules: RuleSet,
}

/// A value that a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    rule: u32,
    variable: Variable,
    /// Where the value is among those of the variable.
    index: u32,
}

impl Candidates<'_> {
    /// Whether no value that the rule looks at can make it match.
    pub(in crate::run) fn leave_out(&self, rule: u32) -> bool {
        !self.rules.contains(rule) && self.is_screened(rule)
    }

    /// Which values of a variable a rule has to look at, by their place; `None` is all.
    pub(in crate::run) fn of(&self, rule: u32, variable: Variable) -> Option<Vec<usize>> {
        if !self.is_screened(rule) {
            return None;
        }
        let begin = self.found.partition_point(|it| (it.rule, it.variable) < (rule, variable));
        let found = self.found[begin..].iter().take_while(|it| (it.rule, it.variable) == (rule, variable));
        Some(found.map(|it| it.index as usize).collect())
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
        self.candidates.screen = Some(phase);
        let mut scratch = Scratch::default();
        for variable in &phase.variables {
            self.screen_variable(screen, variable, &mut scratch);
        }
        self.candidates.found.sort_unstable();
        self.candidates.found.dedup();
    }

    /// Lists a variable anew when it is next asked for, because a `ctl` changed what it is.
    pub(in crate::run) fn forget(&mut self, variable: Variable) {
        self.catalog.forget(variable);
        let Some(phase) = self.candidates.screen else { return };
        if let Some(screened) = phase.variables.iter().find(|screened| screened.variable == variable) {
            self.candidates.found.retain(|it| it.variable != variable);
            self.screen_variable(&self.plan.screen, screened, &mut Scratch::default());
            self.candidates.found.sort_unstable();
            self.candidates.found.dedup();
        }
    }

    fn screen_variable(
        &mut self,
        screen: &'r Screen,
        screened: &'r ScreenedVariable,
        scratch: &mut Scratch<'t>,
    ) {
        let variable = screened.variable;
        let values = self.catalog.values(variable, self.scene());
        let (plan, cache, candidates) = (self.plan, &mut self.cache, &mut self.candidates);
        for (index, value) in (0_u32..).zip(values.iter()) {
            let class = screened.class(value);
            if class.is_empty() {
                continue;
            }
            let transform = |pipeline| cache.transform(plan, pipeline, &value.bytes);
            class.screen(&value.bytes, &screen.scanner, scratch, transform, |rule| {
                candidates.rules.insert(rule);
                candidates.found.push(Candidate { rule, variable, index });
            });
        }
    }
}
