//! A rule as screening sees it.

use std::collections::HashMap;

use super::super::plan::{Pipeline, PlanBuilder};
use super::super::variables;
use crate::prefilter::{ClauseId, Scanner, ScannerBuilder};
use crate::transformation::Transformation;
use crate::{Link, Phase, Rule, Selector, Target, Variable};

/// A rule that is screened, by its first link.
#[derive(Debug)]
pub(super) struct Test<'r> {
    pub(super) rule: u32,
    pub(super) phase: Phase,
    link: &'r Link,
    clauses: Vec<ClauseId>,
    /// The bits of all that a value must meet, the rarest first.
    pub(super) bits: Vec<u16>,
    pub(super) bytes_min: usize,
    /// The transformations after which the operator is asked, without those that only change case.
    pub(super) pipelines: Vec<Pipeline>,
}

impl<'r> Test<'r> {
    /// `None` for a rule that is not screened.
    pub(super) fn new(
        index: u32,
        rule: &'r Rule,
        plan: &mut PlanBuilder,
        builder: &mut ScannerBuilder,
    ) -> Option<Self> {
        let link = rule.links.first()?;
        let is_listed = |target: &Target| !target.count && !variables::is_remembered(target.variable);
        if link.negated || link.targets.is_empty() || !link.targets.iter().all(is_listed) {
            return None;
        }
        let needs = link.operator.needs();
        let clauses: Vec<_> = needs.clauses.iter().map(|clause| builder.add(clause)).collect();
        let all = link.transformations.as_slice();
        let first = if link.multi_match { 0 } else { all.len() };
        let mut pipelines: Vec<_> =
            (first..=all.len()).map(|end| plan.pipeline(&without_case(&all[..end]))).collect();
        pipelines.dedup();
        let bytes_min = needs.bytes_min;
        Some(Self { rule: index, phase: rule.phase, link, clauses, bits: Vec::new(), bytes_min, pipelines })
    }

    /// Takes the bits that the scanner gives; whether there are any.
    pub(super) fn settle(&mut self, scanner: &Scanner) -> bool {
        self.bits = self.clauses.iter().filter_map(|clause| scanner.bit(*clause)).collect();
        !self.bits.is_empty()
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = Variable> {
        self.link.targets.iter().map(|target| target.variable)
    }

    /// Names of values of `variable` that the rule mentions, in lower case.
    pub(super) fn names(&self, variable: Variable) -> impl Iterator<Item = Box<[u8]>> {
        let targets = self.link.targets.iter().chain(&self.link.exclusions);
        targets.filter(move |target| target.variable == variable).filter_map(|target| {
            match &target.selector {
                Selector::Named(name) => Some(name.to_ascii_lowercase().into()),
                _ => None,
            }
        })
    }

    /// Whether the rule may look at a value of that name; of a name that no rule mentions, when it is `None`.
    pub(super) fn looks_at(&self, variable: Variable, name: Option<&[u8]>) -> bool {
        let is_named = |wanted: &[u8]| name.is_some_and(|name| wanted.eq_ignore_ascii_case(name));
        let selects = |target: &Target| match &target.selector {
            Selector::Named(wanted) => is_named(wanted),
            Selector::All | Selector::Matching(_) | Selector::XmlText | Selector::XmlAttributes => true,
        };
        // Of what is excluded only names are known beforehand.
        let excludes = |target: &Target| matches!(&target.selector, Selector::Named(name) if is_named(name));
        let of_variable = |target: &&Target| target.variable == variable && !target.count;
        self.link.targets.iter().filter(of_variable).any(selects)
            && !self.link.exclusions.iter().filter(of_variable).any(excludes)
    }
}

/// The transformations without those that only change case, where that changes nothing but case in the end.
fn without_case(all: &[Transformation]) -> Vec<Transformation> {
    let sensitive = all.iter().rposition(|it| !it.ignores_case()).map_or(0, |last| last + 1);
    let (first, rest) = all.split_at(sensitive);
    let rest = rest.iter().filter(|it| !it.is_case_only());
    first.iter().chain(rest).copied().collect()
}

/// What a value must hold so that a transformation changes more than its case.
#[derive(Debug)]
pub(super) struct Triggers(HashMap<Transformation, Vec<ClauseId>>);

impl Triggers {
    /// Tells the scanner of all transformations, before any rule: they are few, and always there.
    pub(super) fn new(builder: &mut ScannerBuilder) -> Self {
        let known = Transformation::ALL.iter().filter_map(|it| Some((*it, it.changes_only()?)));
        Self(known.map(|(it, sets)| (it, sets.iter().map(|set| builder.add_bytes(*set)).collect())).collect())
    }

    /// The bits that must all be met; none when the transformation may change every value.
    pub(super) fn bits(&self, transformation: Transformation, scanner: &Scanner) -> Vec<u16> {
        let clauses = self.0.get(&transformation).map(Vec::as_slice).unwrap_or_default();
        let bits: Option<Vec<_>> = clauses.iter().map(|clause| scanner.bit(*clause)).collect();
        bits.unwrap_or_default()
    }
}
