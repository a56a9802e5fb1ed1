//! Scanners: one for everything that rules need, and smaller ones for classes that few rules look at.

use std::collections::{BTreeMap, BTreeSet};

use super::super::pipeline::{Pipeline, Pipelines};
use super::class::Class;
use super::test::{Test, Triggers};
use crate::prefilter::{ClauseId, Scanner, ScannerBuilder};

/// Makes classes, and the scanners that these need.
pub(super) struct Scanners {
    builder: ScannerBuilder,
    triggers: Triggers,
    all: Vec<Scanner>,
    /// Which of them is for which clauses.
    places: BTreeMap<BTreeSet<ClauseId>, usize>,
}

impl Scanners {
    pub(super) fn new(builder: ScannerBuilder, triggers: Triggers) -> Self {
        let all = vec![builder.build(|_| true)];
        Self { builder, triggers, all, places: BTreeMap::new() }
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
        let scanner = self.place(self.wanted(tests, tree));
        let mut class = Class::new(tests, tree, &self.triggers, &self.all[scanner]);
        class.scanner = scanner;
        class
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
    fn wanted(&self, tests: &[&Test<'_>], tree: &Pipelines) -> BTreeSet<ClauseId> {
        let mut wanted: BTreeSet<_> = tests.iter().flat_map(|test| test.clauses()).collect();
        for pipeline in tests.iter().flat_map(|test| test.pipelines()) {
            wanted.extend(self.triggers_of(pipeline, tree));
        }
        wanted
    }

    fn triggers_of(&self, pipeline: Pipeline, tree: &Pipelines) -> Vec<ClauseId> {
        tree.backwards(pipeline).flat_map(|it| self.triggers.clauses(it)).copied().collect()
    }
}
