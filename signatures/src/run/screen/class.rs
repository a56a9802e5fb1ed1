//! The tests that look at the same values.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::bytes::Bytes;
use super::super::pipeline::{Pipeline, Pipelines};
use super::asked::{Asked, Asker};
use super::scanners::Scanners;
use super::test::Test;
use super::texts::{Means, Scratch, are_met};
use crate::prefilter::{Branches, Clause, ClauseId, Wanted};
use crate::transformation::Transformation;

/// The tests that look at the same values: those of one variable, of one name.
#[derive(Debug, Default)]
pub(super) struct Class {
    /// Its number among the classes of the screen, from 1 on.
    pub(super) id: u32,
    /// Which of the screen's scanners has its bits.
    pub(super) scanner: usize,
    /// The pipelines of all tests with what leads to them, each after its parent. The first is the value itself.
    nodes: Vec<Node>,
    /// The bits by which tests are found: the first of each.
    wanted: Box<[u64]>,
    /// Bits without which no transformation changes a value; `None` when there are no such.
    changing: Option<Box<[u64]>>,
    /// For each bit, where its tests begin in `tests`; one more at the end.
    begins: Box<[u32]>,
    tests: Box<[ClassTest]>,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) parent: usize,
    pipeline: Pipeline,
    /// Its last; `None` for the root.
    pub(super) transformation: Option<Transformation>,
    /// What its transformation changes nothing without.
    pub(super) triggers: Vec<u16>,
    /// What is asked here and further on.
    pub(super) asked: Asked,
    /// What is looked for in what the transformation makes; `None` is everything.
    pub(super) wanted: Option<Arc<Wanted>>,
}

#[derive(Debug)]
struct ClassTest {
    rule: u32,
    node: usize,
    bytes_min: usize,
    /// What else must be met.
    bits: Box<[u16]>,
    /// One of these must be there.
    branches: Option<Arc<Branches>>,
    /// What the value must meet at another node for the next link of the chain.
    next: Option<(usize, Box<[u16]>)>,
}

/// A class in the making.
struct Maker<'s> {
    scanners: &'s mut Scanners,
    tree: &'s Pipelines,
    class: Class,
    tests: Vec<(u16, ClassTest)>,
    /// For each node, the bits that are asked of its text or of what is made of that.
    bits: Vec<BTreeSet<u16>>,
}

impl Class {
    /// The class of these tests; its bits are those of the scanner at that place.
    pub(super) fn new(
        tests: &[&Test<'_>],
        tree: &Pipelines,
        scanner: usize,
        scanners: &mut Scanners,
    ) -> Self {
        let class = Self { scanner, nodes: vec![Node::root()], ..Self::default() };
        let mut maker = Maker { scanners, tree, class, tests: Vec::new(), bits: vec![BTreeSet::new()] };
        tests.iter().for_each(|test| maker.add(test));
        maker.finish()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// Lists in `scratch` the rules whose needs the value meets.
    pub(super) fn screen<'t>(&self, value: &Bytes<'t>, means: Means<'_>, scratch: &mut Scratch<'t>) {
        scratch.begin(value, self.nodes.len(), means.scanner);
        if self.may_change(scratch.met(0, means.scanner)) {
            scratch.transform_all(&self.nodes, means);
        }
        for text in 0..scratch.bytes.len() {
            self.find(text, scratch, means);
        }
    }

    /// Whether a transformation may change more than the case of a value that meets this.
    fn may_change(&self, met: &[u64]) -> bool {
        self.changing
            .as_ref()
            .is_none_or(|changing| met.iter().zip(changing).any(|(met, bits)| met & bits != 0))
    }

    /// Lists the rules of the tests that a text meets.
    fn find(&self, text: usize, scratch: &mut Scratch<'_>, means: Means<'_>) {
        let mut rules = std::mem::take(&mut scratch.rules);
        let met = scratch.met(text, means.scanner);
        let passes = |test: &ClassTest| {
            let at_next = |(node, bits): &(usize, Box<[u16]>)| scratch.meets(*node, bits, means.scanner);
            test.bytes_min <= scratch.bytes[text].len()
                && scratch.texts[test.node] == text
                && are_met(&test.bits, met)
                && test.branches.as_ref().is_none_or(|branches| branches.may_be_in(&scratch.seen[text], met))
                && test.next.as_ref().is_none_or(at_next)
        };
        for (word, (met_here, wanted)) in met.iter().zip(&self.wanted).enumerate() {
            let mut bits = met_here & wanted;
            while bits != 0 {
                let bit = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let range = self.begins[bit] as usize..self.begins[bit + 1] as usize;
                for test in self.tests[range].iter().filter(|test| passes(test)) {
                    if !rules.contains(&test.rule) {
                        rules.push(test.rule);
                    }
                }
            }
        }
        scratch.rules = rules;
    }
}

impl Node {
    fn root() -> Self {
        Self {
            parent: 0,
            pipeline: Pipeline::ROOT,
            transformation: None,
            triggers: Vec::new(),
            asked: Asked::default(),
            wanted: None,
        }
    }
}

impl Maker<'_> {
    fn add(&mut self, test: &Test<'_>) {
        let scanner = self.scanners.get(self.class.scanner);
        let bits = test.bits(scanner);
        let next = test.next.as_ref().map(|next| (next, next.bits(scanner)));
        let Some((first, others)) = bits.split_first() else { return };
        let branches = self.scanners.branches(test, self.class.scanner);
        let of_branches = branches.iter().flat_map(|branches| branches.bits());
        let all: Vec<_> = bits.iter().copied().chain(of_branches).collect();
        for pipeline in &test.pipelines {
            let node = self.node(*pipeline);
            self.ask(node, test.clauses(), test.bytes_min, &all);
            let next = next.as_ref().map(|(next, bits)| {
                let node = self.node(next.pipeline);
                self.ask(node, &next.clauses, 0, bits);
                (node, bits.clone().into())
            });
            let (rule, bytes_min, bits) = (test.rule, test.bytes_min, others.into());
            let branches = branches.clone();
            self.tests.push((*first, ClassTest { rule, node, bytes_min, bits, branches, next }));
        }
    }

    /// Where the pipeline is among the nodes; it comes there with its parents if it is not.
    fn node(&mut self, pipeline: Pipeline) -> usize {
        if let Some(at) = self.class.nodes.iter().position(|node| node.pipeline == pipeline) {
            return at;
        }
        let Some((parent, transformation)) = self.tree.step(pipeline) else { return 0 };
        let parent = self.node(parent);
        let triggers = self.scanners.trigger_bits(transformation, self.class.scanner);
        let transformation = Some(transformation);
        self.class.nodes.push(Node { parent, pipeline, transformation, triggers, ..Node::root() });
        self.bits.push(BTreeSet::new());
        self.class.nodes.len() - 1
    }

    /// Notes what is asked of the text of a node, there and on the way to it.
    fn ask(&mut self, mut node: usize, clauses: &[ClauseId], bytes_min: usize, bits: &[u16]) {
        let clauses: Vec<&Clause> = clauses.iter().filter_map(|id| self.scanners.clause(*id)).collect();
        let mut asker = Asker::new(clauses, bytes_min);
        while let Some(transformation) = self.class.nodes[node].transformation {
            self.bits[node].extend(bits);
            asker.go_back(transformation, &mut self.class.nodes[node].asked);
            node = self.class.nodes[node].parent;
        }
    }

    fn finish(mut self) -> Class {
        self.choose_wanted();
        let (mut class, mut by_bit) = (self.class, self.tests);
        let words_of_met = self.scanners.get(class.scanner).words();
        by_bit.sort_by_key(|(bit, _)| *bit);
        class.begins = (0..=words_of_met * 64)
            .map(|bit| by_bit.partition_point(|(first, _)| usize::from(*first) < bit) as u32)
            .collect();
        // Tests are found by bits that come first: the words that have none of them need no look.
        let last = by_bit.last().map_or(0, |(bit, _)| usize::from(*bit) / 64 + 1);
        class.wanted = words(by_bit.iter().map(|(bit, _)| *bit), last);
        class.tests = by_bit.into_iter().map(|(_, test)| test).collect();
        let changing = class.nodes.iter().skip(1).map(|node| node.triggers.first().copied());
        class.changing =
            changing.collect::<Option<Vec<_>>>().map(|first| words(first.into_iter(), words_of_met));
        class
    }

    /// What a transformation makes of a text is the same for all nodes where that happens: it is scanned for what
    /// is asked at any of them.
    fn choose_wanted(&mut self) {
        for at in 1..self.class.nodes.len() {
            let transformation = self.class.nodes[at].transformation;
            let alike = self.class.nodes.iter().zip(&self.bits);
            let alike = alike.filter(|(node, _)| node.transformation == transformation);
            let bits: BTreeSet<u16> = alike.flat_map(|(_, bits)| bits).copied().collect();
            self.class.nodes[at].wanted = self.scanners.wanted(self.class.scanner, bits);
        }
    }
}

fn words(bits: impl Iterator<Item = u16>, count: usize) -> Box<[u64]> {
    let mut words = vec![0; count];
    bits.for_each(|bit| words[usize::from(bit) / 64] |= 1 << (bit % 64));
    words.into()
}
