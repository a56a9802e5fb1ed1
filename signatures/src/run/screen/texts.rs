//! What a value becomes while it is screened.

use std::borrow::Cow;
use std::ops::Deref;

use super::super::bytes::Bytes;
use super::class::Node;
use crate::prefilter::{ByteSet, Scanner, Wanted, is_met};
use crate::transformation::{Transformation, UnicodeMap};

/// Memory for screening, kept from value to value.
#[derive(Debug, Default)]
pub(super) struct Scratch<'t> {
    /// For each text that the value became, what it meets, where it lies, and which bytes it has.
    met: Vec<u64>,
    pub(super) bytes: Vec<Text<'t>>,
    pub(super) seen: Vec<ByteSet>,
    /// What made it, of which text.
    made: Vec<Option<(usize, Transformation)>>,
    /// For each node, which text it gave; [`NOWHERE`] when no test can pass there.
    pub(super) texts: Vec<usize>,
    /// The rules that may match the value.
    pub(super) rules: Vec<u32>,
}

/// The value itself, or what was made of it.
#[derive(Debug)]
pub(super) enum Text<'t> {
    Value(Bytes<'t>),
    Made(Vec<u8>),
}

/// What screening needs beside the value.
#[derive(Clone, Copy)]
pub(super) struct Means<'s> {
    pub(super) scanner: &'s Scanner,
    pub(super) map: Option<&'s UnicodeMap>,
}

impl<'t> Scratch<'t> {
    /// Forgets the last value, and scans a new one, which every node gives until it is transformed.
    pub(super) fn begin(&mut self, value: &Bytes<'t>, nodes: usize, scanner: &Scanner) {
        self.met.clear();
        self.bytes.clear();
        self.seen.clear();
        self.made.clear();
        self.texts.clear();
        self.texts.resize(nodes, 0);
        self.add(Text::Value(value.clone()), None, scanner, scanner.whole());
    }

    /// What a text meets.
    pub(super) fn met(&self, text: usize, scanner: &Scanner) -> &[u64] {
        &self.met[text * scanner.words()..][..scanner.words()]
    }

    /// Whether the text of a node meets all of these.
    pub(super) fn meets(&self, node: usize, bits: &[u16], scanner: &Scanner) -> bool {
        self.texts[node] != NOWHERE && are_met(bits, self.met(self.texts[node], scanner))
    }

    fn add(
        &mut self,
        text: Text<'t>,
        made: Option<(usize, Transformation)>,
        scanner: &Scanner,
        wanted: &Wanted,
    ) -> usize {
        let begin = self.met.len();
        self.met.resize(begin + scanner.words(), 0);
        self.seen.push(scanner.scan(&text, wanted, &mut self.met[begin..]));
        self.bytes.push(text);
        self.made.push(made);
        self.bytes.len() - 1
    }

    /// What the transformations make of the value. It is not kept for rules: few look at any of it.
    pub(super) fn transform_all(&mut self, nodes: &[Node], means: Means<'_>) {
        for (at, node) in nodes.iter().enumerate() {
            self.texts[at] = self.transform(node, means);
        }
    }

    /// Which text a node gives.
    fn transform(&mut self, node: &Node, means: Means<'_>) -> usize {
        let (parent, scanner) = (self.texts[node.parent], means.scanner);
        let Some(transformation) = node.transformation.filter(|_| parent != NOWHERE) else { return parent };
        if !node.triggers.is_empty() && !are_met(&node.triggers, self.met(parent, scanner)) {
            return parent;
        }
        if !node.asked.may_pass(transformation, &self.seen[parent], self.bytes[parent].len()) {
            return NOWHERE;
        }
        let made = Some((parent, transformation));
        if let Some(known) = self.made.iter().position(|it| *it == made) {
            return known;
        }
        match self.bytes[parent].changed(transformation, means.map) {
            None => parent,
            Some(text) if !node.asked.is_long_enough(text.len()) => NOWHERE,
            Some(text) => {
                let wanted = node.wanted.as_deref().unwrap_or(scanner.whole());
                self.add(Text::Made(text), made, scanner, wanted)
            }
        }
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

/// Whether all of the bits are set.
pub(super) fn are_met(bits: &[u16], met: &[u64]) -> bool {
    bits.iter().all(|bit| is_met(*bit, met))
}

/// The text of a node where no test can pass.
const NOWHERE: usize = usize::MAX;
