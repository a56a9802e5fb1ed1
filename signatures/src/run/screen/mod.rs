//! Which rules a value may match at all, by the prefilter ([`crate::prefilter`]).
//!
//! A rule is screened by its first link, when that looks at nothing but what the transaction holds, is not
//! negated, and its operator needs something. Each value of the transaction is scanned once for what the rules
//! that look at it need ([`Class`]), and once more for each text that transformations make of it, which gives
//! the rules whose needs it meets ([`Candidates`]). A screened rule without candidates does not run, as it would
//! find nothing; one with candidates looks at these alone. The other rules run on everything, and so do all
//! when somebody traces them. What is there in phase 1 is screened then for all phases ([`Head`]). What
//! screening and rules said of values is remembered ([`Known`]), because the same come again and again.

mod asked;
mod candidates;
mod class;
mod head;
mod known;
mod scanners;
mod test;
mod texts;

#[cfg(test)]
mod tests;

pub(super) use candidates::Candidates;
pub(super) use head::Head;
use known::Known;

use super::pipeline::Pipelines;
use super::rule_set::RuleSet;
use super::variables::{self, Growth};
use crate::parallel;
use crate::pool::Pool;
use crate::prefilter::{Scanner, ScannerBuilder};
use crate::{Phase, Rule, Variable};
use class::Class;
use scanners::Scanners;
use test::{Test, Triggers, screened_links};

/// What screening needs to know of the rules.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// The first is for everything that rules need, the others for a part of it.
    scanners: Vec<Scanner>,
    /// Each for the rules of all phases.
    variables: Vec<ScreenedVariable>,
    phases: [PhaseScreen; 5],
    /// The variables that are screened in phase 1, by their place: its own, and of phase 2 those that stay.
    first: Vec<usize>,
    known: Pool<Known>,
}

/// The screened rules of a phase.
#[derive(Debug, Default)]
struct PhaseScreen {
    rules: RuleSet,
    /// The rules that are not screened, of all phases.
    always: RuleSet,
    /// The variables that they look at, by their place.
    variables: Vec<usize>,
}

/// A variable that screened rules look at.
#[derive(Debug)]
struct ScreenedVariable {
    variable: Variable,
    growth: Growth,
    /// For values of a name that no rule mentions.
    other: Class,
    /// By name.
    named: Vec<(Box<[u8]>, Class)>,
    /// A bit for each length that such a name has; the last is for all that are longer.
    lengths: u64,
}

impl Screen {
    /// Screens these of the rules; the others are as if they were not there.
    pub(super) fn new(rules: &[Rule], some: &RuleSet) -> Self {
        work_out_needs(rules, some);
        let (mut tree, mut builder) = (Pipelines::default(), ScannerBuilder::default());
        let triggers = Triggers::new(&mut builder);
        let mut tests: Vec<_> = (0_u32..)
            .zip(rules)
            .filter(|(index, _)| some.contains(*index))
            .filter_map(|(index, rule)| Test::new(index, rule, &mut tree, &mut builder))
            .collect();
        tests.iter_mut().for_each(|test| test.add_branches(&mut builder));
        let mut scanners = Scanners::new(builder, triggers);
        tests.retain(|test| !test.bits(scanners.whole()).is_empty());
        let variables = looked_at(&tests).into_iter();
        let mut variables: Vec<_> = variables
            .map(|variable| ScreenedVariable::new(variable, &tests, |tests| scanners.class(tests, &tree)))
            .collect();
        let classes = variables.iter_mut().flat_map(ScreenedVariable::classes);
        classes.zip(1..).for_each(|(class, id)| class.id = id);
        let phases = Phase::ALL.map(|phase| PhaseScreen::new(phase, some, &tests, &variables));
        let [one, two, ..] = &phases;
        let stay = two.variables.iter().copied().filter(|at| variables[*at].growth != Growth::Any);
        let mut first: Vec<_> = one.variables.iter().copied().chain(stay).collect();
        first.sort_unstable();
        first.dedup();
        Self { scanners: scanners.all(), variables, phases, first, known: Pool::default() }
    }

    /// Whether a rule is screened.
    pub(super) fn has(&self, rule: u32) -> bool {
        self.phases.iter().any(|phase| phase.rules.contains(rule))
    }

    /// The scanner that has a class's bits.
    fn scanner(&self, class: &Class) -> &Scanner {
        &self.scanners[class.scanner]
    }

    /// The variables that screened rules of a phase look at.
    fn variables(&self, phase: &PhaseScreen) -> impl Iterator<Item = &ScreenedVariable> {
        phase.variables.iter().filter_map(|at| self.variables.get(*at))
    }
}

/// Works out what patterns need on all processors: it takes half the time of loading.
fn work_out_needs(rules: &[Rule], some: &RuleSet) {
    let some: Vec<_> = (0_u32..).zip(rules).filter(|(index, _)| some.contains(*index)).collect();
    parallel::for_each(&some, |(_, rule)| {
        screened_links(rule).for_each(|link| link.operator.work_out_needs());
    });
}

/// All variables that tests look at.
fn looked_at<'t, 'r: 't>(tests: impl IntoIterator<Item = &'t Test<'r>>) -> Vec<Variable> {
    let mut variables: Vec<_> = tests.into_iter().flat_map(Test::variables).collect();
    variables.sort();
    variables.dedup();
    variables
}

impl PhaseScreen {
    fn new(phase: Phase, all: &RuleSet, tests: &[Test<'_>], variables: &[ScreenedVariable]) -> Self {
        let tests = || tests.iter().filter(|test| test.phase == phase);
        let mut rules = RuleSet::default();
        tests().for_each(|test| rules.insert(test.rule));
        let always = all.without(&rules);
        let place = |variable| variables.iter().position(|screened| screened.variable == variable);
        Self { rules, always, variables: looked_at(tests()).into_iter().filter_map(place).collect() }
    }
}

impl ScreenedVariable {
    fn new(variable: Variable, tests: &[Test<'_>], mut class: impl FnMut(&[&Test<'_>]) -> Class) -> Self {
        let mut of_name = |name: Option<&[u8]>| {
            let tests: Vec<_> = tests.iter().filter(|test| test.looks_at(variable, name)).collect();
            class(&tests)
        };
        let mut names: Vec<_> = tests.iter().flat_map(|test| test.names(variable)).collect();
        names.sort();
        names.dedup();
        let lengths = names.iter().fold(0, |lengths, name| lengths | length_bit(name));
        let named = names.into_iter().map(|name| (name.clone(), of_name(Some(&name)))).collect();
        Self { variable, growth: variables::growth(variable), other: of_name(None), named, lengths }
    }

    fn classes(&mut self) -> impl Iterator<Item = &mut Class> {
        self.named.iter_mut().map(|(_, class)| class).chain([&mut self.other])
    }

    /// The class of values of that name.
    fn class(&self, name: &[u8]) -> &Class {
        if self.lengths & length_bit(name) == 0 {
            return &self.other;
        }
        let named = self.named.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map_or(&self.other, |(_, class)| class)
    }
}

fn length_bit(name: &[u8]) -> u64 {
    1 << name.len().min(63)
}
