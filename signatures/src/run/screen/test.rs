//! A rule as screening sees it.
//!
//! Where a chain goes on with `MATCHED_VARS`, a value that the second link cannot match is as good as one that
//! the first does not: it is screened for both.

use std::collections::HashMap;

use super::super::pipeline::{Pipeline, Pipelines};
use super::super::variables;
use crate::prefilter::{BranchClauses, ClauseId, Scanner, ScannerBuilder};
use crate::transformation::Transformation;
use crate::{Link, Phase, Rule, Selector, Target, Variable};

/// A rule that is screened, by its first link.
#[derive(Debug)]
pub(super) struct Test<'r> {
    pub(super) rule: u32,
    pub(super) phase: Phase,
    link: &'r Link,
    /// All that a value must meet, the rarest first.
    clauses: Vec<ClauseId>,
    pub(super) bytes_min: usize,
    /// What it must meet besides: all that one of several branches asks.
    pub(super) branches: BranchClauses,
    /// The transformations after which the operator is asked, without those that only change case.
    pub(super) pipelines: Vec<Pipeline>,
    /// The next link of the chain.
    pub(super) next: Option<NextLink>,
}

/// What a value must meet for the second link of a chain.
#[derive(Debug)]
pub(super) struct NextLink {
    pub(super) clauses: Vec<ClauseId>,
    /// The transformations of both links.
    pub(super) pipeline: Pipeline,
}

/// The links of a rule of which it matters what their operators need: none where the rule is not screened.
pub(super) fn screened_links(rule: &Rule) -> impl Iterator<Item = &Link> {
    let first = rule.links.first().filter(|link| is_screened(link));
    let next = first.and_then(|first| rule.links.get(1).filter(|next| goes_on(first, next)));
    first.into_iter().chain(next)
}

/// Whether a rule whose first link this is looks at nothing but what the transaction holds.
fn is_screened(link: &Link) -> bool {
    let is_listed = |target: &Target| {
        let is_path = matches!(target.selector, Selector::XPath(_));
        !target.count && !is_path && !variables::is_remembered(target.variable)
    };
    !link.negated && !link.targets.is_empty() && link.targets.iter().all(is_listed)
}

/// Whether what the second link says can be told from the value alone, and the first does nothing for a value
/// whatever the second says.
fn goes_on(first: &Link, next: &Link) -> bool {
    let is_matched = |target: &Target| {
        target.variable == Variable::MatchedVars && !target.count && matches!(target.selector, Selector::All)
    };
    let sets_nothing = first.actions.is_empty() && !first.capture && !first.multi_match;
    let is_plain = !next.negated && !next.multi_match && next.exclusions.is_empty();
    let are_constant = first.operator.is_constant() && next.operator.is_constant();
    sets_nothing && is_plain && are_constant && next.targets.iter().all(is_matched)
}

impl<'r> Test<'r> {
    /// `None` for a rule that is not screened.
    pub(super) fn new(
        index: u32,
        rule: &'r Rule,
        tree: &mut Pipelines,
        builder: &mut ScannerBuilder,
    ) -> Option<Self> {
        let mut links = screened_links(rule);
        let link = links.next()?;
        let needs = link.operator.needs();
        let clauses = builder.add_all(&needs.clauses);
        let all = link.transformations.as_slice();
        let first = if link.multi_match { 0 } else { all.len() };
        let mut pipelines: Vec<_> =
            (first..=all.len()).map(|end| tree.add(&without_case(&all[..end]))).collect();
        pipelines.dedup();
        let bytes_min = needs.bytes_min;
        let next = links.next().and_then(|next| NextLink::new(link, next, tree, builder));
        let branches = BranchClauses::default();
        Some(Self { rule: index, phase: rule.phase, link, clauses, bytes_min, branches, pipelines, next })
    }

    /// Asks for branches as well, once the clauses of all tests are known.
    pub(super) fn add_branches(&mut self, builder: &mut ScannerBuilder) {
        self.branches = BranchClauses::new(&self.link.operator.needs().branches, builder);
    }

    /// The bits of all that a value must meet, as far as the scanner has them.
    pub(super) fn bits(&self, scanner: &Scanner) -> Vec<u16> {
        bits(&self.clauses, scanner)
    }

    /// The clauses that its first link asks about.
    pub(super) fn clauses(&self) -> &[ClauseId] {
        &self.clauses
    }

    /// All clauses that it asks about.
    pub(super) fn all_clauses(&self) -> impl Iterator<Item = ClauseId> {
        let next = self.next.iter().flat_map(|next| &next.clauses);
        self.clauses.iter().chain(next).copied().chain(self.branches.literals())
    }

    /// All pipelines that it looks at.
    pub(super) fn pipelines(&self) -> impl Iterator<Item = Pipeline> {
        self.pipelines.iter().copied().chain(self.next.iter().map(|next| next.pipeline))
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
            Selector::All
            | Selector::Matching(_)
            | Selector::XmlText
            | Selector::XmlAttributes
            | Selector::XPath(_) => true,
        };
        // Of what is excluded only names are known beforehand.
        let excludes = |target: &Target| matches!(&target.selector, Selector::Named(name) if is_named(name));
        let of_variable = |target: &&Target| target.variable == variable && !target.count;
        self.link.targets.iter().filter(of_variable).any(selects)
            && !self.link.exclusions.iter().filter(of_variable).any(excludes)
    }
}

impl NextLink {
    /// `None` where nothing is asked of the value.
    fn new(first: &Link, next: &Link, tree: &mut Pipelines, builder: &mut ScannerBuilder) -> Option<Self> {
        let needs = next.operator.needs();
        let clauses = builder.add_all(&needs.clauses);
        let all = [first.transformations.as_slice(), &next.transformations].concat();
        let pipeline = tree.add(&without_case(&all));
        (!clauses.is_empty() && !next.targets.is_empty()).then_some(Self { clauses, pipeline })
    }

    pub(super) fn bits(&self, scanner: &Scanner) -> Vec<u16> {
        bits(&self.clauses, scanner)
    }
}

fn bits(clauses: &[ClauseId], scanner: &Scanner) -> Vec<u16> {
    clauses.iter().filter_map(|clause| scanner.bit(*clause)).collect()
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
        let bits: Option<Vec<_>> =
            self.clauses(transformation).iter().map(|clause| scanner.bit(*clause)).collect();
        bits.unwrap_or_default()
    }

    /// The clauses of these bits.
    pub(super) fn clauses(&self, transformation: Transformation) -> &[ClauseId] {
        self.0.get(&transformation).map(Vec::as_slice).unwrap_or_default()
    }
}
