//! One thing that a value must hold: any of some bytes and literals.

use std::collections::{BTreeMap, BTreeSet};

use super::ByteSet;

/// Bytes and literals of which a value must hold at least one. Case is ignored: literals are lower case,
/// sets hold both cases.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Clause {
    pub(crate) bytes: ByteSet,
    /// Two bytes or more each.
    pub(crate) literals: BTreeSet<Box<[u8]>>,
}

impl Clause {
    /// At least one of these bytes.
    pub(crate) fn bytes(bytes: ByteSet) -> Self {
        Self { bytes: bytes.without_case(), literals: BTreeSet::new() }
    }

    /// At least one of these literals; `None` when one is empty, which every value holds.
    pub(crate) fn literals<'l>(literals: impl IntoIterator<Item = &'l [u8]>) -> Option<Self> {
        let mut clause = Self::default();
        for literal in literals {
            match literal {
                [] => return None,
                [byte] => clause.bytes.insert(*byte),
                _ => {
                    let kept = literal.get(..LITERAL_BYTES_MAX).unwrap_or(literal);
                    clause.literals.insert(kept.to_ascii_lowercase().into());
                }
            }
        }
        clause.bytes = clause.bytes.without_case();
        clause.simplify();
        Some(clause)
    }

    /// What a value holds that meets any of them.
    pub(crate) fn any<'c>(clauses: impl IntoIterator<Item = &'c Self>) -> Self {
        let mut any = Self::default();
        for clause in clauses {
            any.bytes = any.bytes.union(clause.bytes);
            any.literals.extend(clause.literals.iter().cloned());
        }
        any.simplify();
        any
    }

    /// Leaves out literals that hold another, which says the same.
    fn simplify(&mut self) {
        let bytes = self.bytes;
        self.literals.retain(|literal| !literal.iter().any(|byte| bytes.contains(*byte)));
        if self.literals.len() > LITERALS_COMPARED_MAX {
            return;
        }
        // Which lengths literals have, by what they begin with: few parts of a literal are worth a comparison.
        let all = self.literals.clone();
        let mut lengths: BTreeMap<[u8; 2], u64> = BTreeMap::new();
        for literal in &all {
            if let Some(begin) = literal.first_chunk() {
                *lengths.entry(*begin).or_default() |= 1 << literal.len().min(LITERAL_BYTES_MAX);
            }
        }
        self.literals.retain(|literal| {
            let is_shorter = |length: &usize| *length < literal.len();
            let mut ends = (0..literal.len()).map(|begin| &literal[begin..]);
            !ends.any(|end| {
                let lengths = end.first_chunk().and_then(|begin| lengths.get(begin)).copied().unwrap_or(0);
                let mut of_parts =
                    (2..=end.len()).filter(is_shorter).filter(|length| lengths >> length & 1 == 1);
                of_parts.any(|length| all.contains(&end[..length]))
            })
        });
    }

    /// Bytes of which a value has one that met the clause only after something was done to it, by which no other
    /// bytes than `made` can have come there (both cases of letters); `None` when nothing can be said.
    pub(crate) fn bytes_before(&self, made: ByteSet) -> Option<ByteSet> {
        if self.bytes.meets(&made) {
            return None;
        }
        let mut before = self.bytes;
        for literal in &self.literals {
            let left = literal.iter().copied().filter(|byte| !made.contains(*byte));
            before.insert(left.min_by(|a, b| byte_frequency(*a).total_cmp(&byte_frequency(*b)))?);
        }
        Some(before.without_case())
    }

    /// How often a byte of an ordinary value is the begin of something that meets it (per byte).
    pub(crate) fn frequency(&self) -> f64 {
        let bytes: f64 = self.bytes.iter().map(byte_frequency).sum();
        bytes + self.literals.iter().map(|literal| literal_frequency(literal)).sum::<f64>()
    }
}

/// How often a literal begins at a byte of an ordinary value, if bytes came independently.
pub(super) fn literal_frequency(literal: &[u8]) -> f64 {
    // Letters come in words, so the next one is less of a surprise than the first.
    let next = |byte: &u8| (byte_frequency(*byte) * 2.0).min(1.0);
    let tail = literal.get(1..).unwrap_or_default().iter().map(next).product::<f64>();
    literal.first().map_or(1.0, |first| byte_frequency(*first)) * tail
}

/// How often an ordinary value has this byte, in either case: a rough guess that decides what is looked
/// for, never what is found.
fn byte_frequency(byte: u8) -> f64 {
    match byte.to_ascii_lowercase() {
        b'a' | b'e' | b'i' | b'n' | b'o' | b'r' | b's' | b't' => 0.05,
        b'j' | b'q' | b'x' | b'z' => 0.006,
        b'a'..=b'z' => 0.02,
        b'0'..=b'9' => 0.015,
        b'-' | b'_' | b'.' | b'/' | b' ' => 0.012,
        b'%' | b'=' | b'&' | b'+' | b':' | b';' | b',' => 0.005,
        b'"' | b'(' | b')' | b'{' | b'}' | b'[' | b']' | b'|' | b'?' => 0.001,
        _ => 0.000_3,
    }
}

/// A longer literal is looked for by its begin (bytes).
const LITERAL_BYTES_MAX: usize = 32;
/// Of more literals it is not asked whether one holds another.
const LITERALS_COMPARED_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_nothing_twice() {
        let clause = Clause::literals([b"<A".as_slice(), b"xx<ay", b"=", b"b=c", b"defg", b"de"])
            .expect("none is empty");
        assert_eq!(clause.bytes, ByteSet::of(b"="));
        assert_eq!(clause.literals.iter().map(|it| &**it).collect::<Vec<_>>(), [b"<a".as_slice(), b"de"]);
        assert_eq!(Clause::literals([b"a".as_slice(), b""]), None);
        let before = |made: &[u8]| clause.bytes_before(ByteSet::of(made).without_case());
        assert_eq!(before(b" "), Some(ByteSet::of(b"=<dD")));
        assert_eq!(before(b"<D"), Some(ByteSet::of(b"=aAeE")));
        assert_eq!((before(b"="), before(b"de")), (None, None));
    }

    #[test]
    fn rare_things_are_rarer() {
        let frequency = |literal: &[u8]| literal_frequency(literal);
        assert!(frequency(b"<script") < frequency(b"script") && frequency(b"script") < frequency(b"sc"));
    }
}
