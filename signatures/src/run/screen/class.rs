//! The tests that look at the same values.

use std::borrow::Cow;
use std::ops::Deref;

use super::super::bytes::Bytes;
use super::super::pipeline::{Pipeline, Pipelines};
use super::test::{Test, Triggers};
use crate::prefilter::Scanner;
use crate::transformation::{Transformation, UnicodeMap};

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
struct Node {
    parent: usize,
    pipeline: Pipeline,
    /// Its last; `None` for the root.
    transformation: Option<Transformation>,
    /// What its transformation changes nothing without.
    triggers: Vec<u16>,
}

#[derive(Debug)]
struct ClassTest {
    rule: u32,
    node: usize,
    bytes_min: usize,
    /// What else must be met.
    bits: Box<[u16]>,
    /// What the value must meet at another node for the next link of the chain.
    next: Option<(usize, Box<[u16]>)>,
}

/// Memory for screening, kept from value to value.
#[derive(Debug, Default)]
pub(super) struct Scratch<'t> {
    /// For each text that the value became, what it meets, and where it lies.
    met: Vec<u64>,
    bytes: Vec<Text<'t>>,
    /// For each node, which text it gave.
    texts: Vec<usize>,
    /// The rules that may match the value.
    pub(super) rules: Vec<u32>,
}

/// The value itself, or what was made of it.
#[derive(Debug)]
enum Text<'t> {
    Value(Bytes<'t>),
    Made(Vec<u8>),
}

impl Class {
    pub(super) fn new(tests: &[&Test<'_>], tree: &Pipelines, triggers: &Triggers, scanner: &Scanner) -> Self {
        let mut class = Self { nodes: vec![Node::root()], ..Self::default() };
        let mut by_bit = Vec::new();
        for test in tests {
            for pipeline in &test.pipelines {
                let node = class.node(*pipeline, tree, triggers, scanner);
                let next = test.next.as_ref().map(|next| {
                    (class.node(next.pipeline, tree, triggers, scanner), next.bits(scanner).into())
                });
                let bits = test.bits(scanner);
                let Some((first, others)) = bits.split_first() else { continue };
                let (rule, bytes_min, bits) = (test.rule, test.bytes_min, others.into());
                by_bit.push((*first, ClassTest { rule, node, bytes_min, bits, next }));
            }
        }
        by_bit.sort_by_key(|(bit, _)| *bit);
        let bits = scanner.words() * 64;
        class.begins = (0..=bits)
            .map(|bit| by_bit.partition_point(|(first, _)| usize::from(*first) < bit) as u32)
            .collect();
        class.wanted = words(by_bit.iter().map(|(bit, _)| *bit), scanner.words());
        class.tests = by_bit.into_iter().map(|(_, test)| test).collect();
        let changing = class.nodes.iter().skip(1).map(|node| node.triggers.first().copied());
        class.changing =
            changing.collect::<Option<Vec<_>>>().map(|first| words(first.into_iter(), scanner.words()));
        class
    }

    /// Where the pipeline is among the nodes; it comes there with its parents if it is not.
    fn node(
        &mut self,
        pipeline: Pipeline,
        tree: &Pipelines,
        triggers: &Triggers,
        scanner: &Scanner,
    ) -> usize {
        if let Some(at) = self.nodes.iter().position(|node| node.pipeline == pipeline) {
            return at;
        }
        let Some((parent, transformation)) = tree.step(pipeline) else { return 0 };
        let parent = self.node(parent, tree, triggers, scanner);
        let triggers = triggers.bits(transformation, scanner);
        self.nodes.push(Node { parent, pipeline, transformation: Some(transformation), triggers });
        self.nodes.len() - 1
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// Lists in `scratch` the rules whose needs the value meets.
    pub(super) fn screen<'t>(
        &self,
        value: &Bytes<'t>,
        scanner: &Scanner,
        map: Option<&UnicodeMap>,
        scratch: &mut Scratch<'t>,
    ) {
        scratch.begin(value, self.nodes.len(), scanner);
        if self.may_change(&scratch.met) {
            scratch.transform_all(&self.nodes, scanner, map);
        }
        for text in 0..scratch.bytes.len() {
            self.find(text, scratch, scanner);
        }
    }

    /// Whether a transformation may change more than the case of a value that meets this.
    fn may_change(&self, met: &[u64]) -> bool {
        self.changing
            .as_ref()
            .is_none_or(|changing| met.iter().zip(changing).any(|(met, bits)| met & bits != 0))
    }

    /// Lists the rules of the tests that a text meets.
    fn find(&self, text: usize, scratch: &mut Scratch<'_>, scanner: &Scanner) {
        let mut rules = std::mem::take(&mut scratch.rules);
        let met = scratch.met(text, scanner);
        let passes = |test: &ClassTest| {
            let at_next = |(node, bits): &(usize, Box<[u16]>)| {
                are_met(bits, scratch.met(scratch.texts[*node], scanner))
            };
            test.bytes_min <= scratch.bytes[text].len()
                && scratch.texts[test.node] == text
                && are_met(&test.bits, met)
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
        Self { parent: 0, pipeline: Pipeline::ROOT, transformation: None, triggers: Vec::new() }
    }
}

impl<'t> Scratch<'t> {
    /// Forgets the last value, and scans a new one, which every node gives until it is transformed.
    fn begin(&mut self, value: &Bytes<'t>, nodes: usize, scanner: &Scanner) {
        self.met.clear();
        self.bytes.clear();
        self.texts.clear();
        self.texts.resize(nodes, 0);
        self.add(Text::Value(value.clone()), scanner);
    }

    /// What a text meets.
    fn met(&self, text: usize, scanner: &Scanner) -> &[u64] {
        &self.met[text * scanner.words()..][..scanner.words()]
    }

    fn add(&mut self, text: Text<'t>, scanner: &Scanner) {
        let begin = self.met.len();
        self.met.resize(begin + scanner.words(), 0);
        scanner.scan(&text, &mut self.met[begin..]);
        self.bytes.push(text);
    }

    /// What the transformations make of the value. It is not kept for rules: few look at any of it.
    fn transform_all(&mut self, nodes: &[Node], scanner: &Scanner, map: Option<&UnicodeMap>) {
        for (at, node) in nodes.iter().enumerate() {
            let parent = self.texts[node.parent];
            let may_change = |transformation: &Transformation| {
                let is_met = node.triggers.is_empty() || are_met(&node.triggers, self.met(parent, scanner));
                is_met.then_some(*transformation)
            };
            let changed = node
                .transformation
                .as_ref()
                .and_then(may_change)
                .and_then(|transformation| self.bytes[parent].changed(transformation, map));
            self.texts[at] = changed.map_or(parent, |text| self.place(text, scanner));
        }
    }

    /// Where a text is; it comes there if it is new.
    fn place(&mut self, text: Vec<u8>, scanner: &Scanner) -> usize {
        let known = self.bytes.iter().position(|known| **known == text);
        known.unwrap_or_else(|| {
            self.add(Text::Made(text), scanner);
            self.bytes.len() - 1
        })
    }
}

impl Text<'_> {
    /// What a transformation makes of it, if that is something else.
    fn changed(&self, transformation: Transformation, map: Option<&UnicodeMap>) -> Option<Vec<u8>> {
        match transformation.apply_mapped(Cow::Borrowed(self), map) {
            Cow::Borrowed(same) if same.len() == self.len() => None,
            changed => Some(changed.into_owned()),
        }
    }
}

impl Deref for Text<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Value(bytes) => bytes,
            Self::Made(bytes) => bytes,
        }
    }
}

fn are_met(bits: &[u16], met: &[u64]) -> bool {
    bits.iter().all(|bit| met[usize::from(*bit) / 64] >> (bit % 64) & 1 == 1)
}

fn words(bits: impl Iterator<Item = u16>, count: usize) -> Box<[u64]> {
    let mut words = vec![0; count];
    bits.for_each(|bit| words[usize::from(bit) / 64] |= 1 << (bit % 64));
    words.into()
}
