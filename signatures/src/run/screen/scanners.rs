//! Scanners: one for everything that rules need, and smaller ones for classes that few rules look at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::pipeline::{Pipeline, Pipelines};
use super::class::Class;
use super::test::{Test, Triggers};
use crate::prefilter::{Branches, Clause, ClauseId, Scanner, ScannerBuilder, Wanted};
use crate::transformation::Transformation;

/// Makes classes, and the scanners that these need.
pub(super) struct Scanners {
    builder: ScannerBuilder,
    triggers: Triggers,
    all: Vec<Scanner>,
    /// Which of them is for which clauses.
    places: BTreeMap<BTreeSet<ClauseId>, usize>,
    /// What is looked for in texts, by the scanner's place and its bits.
    wanted: BTreeMap<(usize, BTreeSet<u16>), Arc<Wanted>>,
    /// The branches of rules, by the scanner's place.
    branches: BTreeMap<(usize, u32), Option<Arc<Branches>>>,
}

impl Scanners {
    pub(super) fn new(builder: ScannerBuilder, triggers: Triggers) -> Self {
        let all = vec![builder.build(|_| true)];
        Self {
            builder,
            triggers,
            all,
            places: BTreeMap::new(),
            wanted: BTreeMap::new(),
            branches: BTreeMap::new(),
        }
    }

    /// The scanner for everything.
    pub(super) fn whole(&self) -> &Scanner {
        &self.all[0]
    }

    pub(super) fn all(self) -> Vec<Scanner> {
        self.all
    }

    /// The class of these tests.
    pub(super) fn class(&mut self, tests: &[&Test<'_>], tree: &Pipelines) -> Class {
        let scanner = self.place(self.wanted_of(tests, tree));
        Class::new(tests, tree, scanner, self)
    }

    /// The scanner at that place.
    pub(super) fn get(&self, scanner: usize) -> &Scanner {
        &self.all[scanner]
    }

    /// A clause that rules need.
    pub(super) fn clause(&self, id: ClauseId) -> Option<&Clause> {
        self.builder.clause(id)
    }

    /// The bits of what a transformation changes nothing without.
    pub(super) fn trigger_bits(&self, transformation: Transformation, scanner: usize) -> Vec<u16> {
        self.triggers.bits(transformation, &self.all[scanner])
    }

    /// The branches of which one must be in what a test matches, if that is known.
    pub(super) fn branches(&mut self, test: &Test<'_>, scanner: usize) -> Option<Arc<Branches>> {
        let all = &self.all;
        let branches = self.branches.entry((scanner, test.rule));
        branches.or_insert_with(|| test.branches.told_by(&all[scanner]).map(Arc::new)).clone()
    }

    /// What is looked for when these bits are asked; `None` is everything, which many would take as long as.
    pub(super) fn wanted(&mut self, scanner: usize, bits: BTreeSet<u16>) -> Option<Arc<Wanted>> {
        if bits.len() > WANTED_MAX {
            return None;
        }
        let all = &self.all;
        let entry = self.wanted.entry((scanner, bits));
        let make = |(scanner, bits): &(usize, BTreeSet<u16>)| {
            Arc::new(all[*scanner].wanted(|bit| bits.contains(&bit)))
        };
        Some(entry.or_insert_with_key(make).clone())
    }

    /// Where the scanner for these clauses is. A small one has fewer false hits, and goes through a value in
    /// larger steps.
    fn place(&mut self, wanted: BTreeSet<ClauseId>) -> usize {
        if !self.builder.is_small(&wanted) {
            return 0;
        }
        let (builder, all) = (&self.builder, &mut self.all);
        *self.places.entry(wanted).or_insert_with_key(|wanted| {
            all.push(builder.build(|clause| wanted.contains(&clause)));
            all.len() - 1
        })
    }

    /// All that tests ask about, and what tells whether a transformation changes anything.
    fn wanted_of(&self, tests: &[&Test<'_>], tree: &Pipelines) -> BTreeSet<ClauseId> {
        let mut wanted: BTreeSet<_> = tests.iter().flat_map(|test| test.all_clauses()).collect();
        for pipeline in tests.iter().flat_map(|test| test.pipelines()) {
            wanted.extend(self.triggers_of(pipeline, tree));
        }
        wanted
    }

    fn triggers_of(&self, pipeline: Pipeline, tree: &Pipelines) -> Vec<ClauseId> {
        tree.backwards(pipeline).flat_map(|it| self.triggers.clauses(it)).copied().collect()
    }
}

/// Bits of which it is worth it to look for them alone (count).
const WANTED_MAX: usize = 256;
