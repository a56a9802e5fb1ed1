//! Something suspicious that values of a parameter have.

use std::collections::{BTreeMap, BTreeSet};

use super::{Distinct, Windows};
use crate::ngram::BUCKETS;

/// Indicators from this number on are classes of words ([`crate::keyword`]), those below it buckets of
/// n-grams ([`crate::ngram`]).
pub const CLASS_FIRST: u32 = BUCKETS as u32;
/// Indicators from this number on are rules, by their ids. Higher ids than fit are not learned.
pub const RULE_FIRST: u32 = 1 << 31;
/// Sources of an indicator that are told apart.
pub(super) const SOURCES: usize = 6;
/// Indicators that room is made for at a time (count).
const GROWTH: usize = 16;

/// A bucket of n-grams with positive weight, a class of words, or a rule that matches, that values of a parameter
/// have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indicator {
    /// Which.
    pub number: u32,
    /// The n-gram, or one of those that share the bucket, with zeros before it; zeros for others.
    pub gram: [u8; 4],
    /// Requests that had it.
    pub count: u32,
    /// The sources of those.
    pub sources: Distinct<SOURCES>,
    /// When.
    pub windows: Windows,
}

/// What an indicator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// A bucket of n-grams.
    Bucket(u16),
    /// A class of words.
    Class(u32),
    /// A rule.
    Rule(u32),
}

impl Indicator {
    /// One that was not seen yet.
    #[must_use]
    pub fn new(number: u32, gram: [u8; 4]) -> Self {
        Self { number, gram, count: 0, sources: Distinct::default(), windows: Windows::default() }
    }

    /// What it is.
    #[must_use]
    pub fn sign(&self) -> Sign {
        match self.number {
            RULE_FIRST.. => Sign::Rule(self.number - RULE_FIRST),
            CLASS_FIRST.. => Sign::Class(self.number - CLASS_FIRST),
            bucket => Sign::Bucket(bucket as u16),
        }
    }

    /// It was seen in one more request.
    pub(super) fn add(&mut self, gram: [u8; 4], source: u32, window: u32) {
        self.gram = self.gram.min(gram);
        self.count = self.count.saturating_add(1);
        self.sources.add(source);
        self.windows.add(window);
    }

    /// Adds what another counted of the same.
    pub(super) fn merge(&mut self, other: &Self) {
        self.gram = self.gram.min(other.gram);
        self.count = self.count.saturating_add(other.count);
        self.sources.merge(&other.sources);
        self.windows.merge(&other.windows);
    }
}

/// Counts indicators of one more request into a list in the order of numbers; says how many are new.
pub(super) fn add(
    known: &mut Vec<Indicator>,
    seen: &BTreeMap<u32, [u8; 4]>,
    source: u32,
    window: u32,
) -> usize {
    let before = known.len();
    for (number, gram) in seen {
        let found = known.binary_search_by_key(number, |it| it.number);
        let at = found.unwrap_or_else(|at| {
            insert(known, at, Indicator::new(*number, *gram));
            at
        });
        known[at].add(*gram, source, window);
    }
    known.len() - before
}

/// Grows by a few at a time: there are many of these lists, and half of them empty is too much.
fn insert(known: &mut Vec<Indicator>, at: usize, indicator: Indicator) {
    if known.len() == known.capacity() {
        known.reserve_exact(GROWTH);
    }
    known.insert(at, indicator);
}

/// Drops the weakest, so that at most `wanted` remain. Numbers break ties, so that the same list is trimmed to the same.
pub(super) fn trim<S: Ord>(known: &mut Vec<Indicator>, wanted: usize, strength: impl Fn(&Indicator) -> S) {
    if known.len() <= wanted {
        return;
    }
    let mut ranked: Vec<_> = known.iter().map(|it| (strength(it), it.number)).collect();
    ranked.sort_unstable_by(|one, other| other.cmp(one));
    let kept: BTreeSet<u32> = ranked[..wanted].iter().map(|it| it.1).collect();
    known.retain(|it| kept.contains(&it.number));
    known.shrink_to_fit();
}

/// The union of two lists in the order of their numbers.
pub(super) fn merged(left: &[Indicator], right: &[Indicator]) -> Vec<Indicator> {
    let mut all = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    loop {
        let next = match (left.peek(), right.peek()) {
            (Some(one), Some(other)) if one.number == other.number => {
                let mut both = **one;
                both.merge(other);
                left.next();
                right.next();
                both
            }
            (Some(one), Some(other)) if one.number < other.number => {
                let one = **one;
                left.next();
                one
            }
            (Some(one), None) => {
                let one = **one;
                left.next();
                one
            }
            (_, Some(other)) => {
                let other = **other;
                right.next();
                other
            }
            (None, None) => break,
        };
        all.push(next);
    }
    all.shrink_to_fit();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unites_lists() {
        let list = |numbers: &[u32]| -> Vec<_> {
            let one = |number: &u32| {
                let mut one = Indicator::new(*number, [b'a'; 4]);
                one.add([b'a'; 4], *number, 1);
                one
            };
            numbers.iter().map(one).collect()
        };
        for (left, right, expected) in [
            (&[][..], &[][..], ""),
            (&[1, 3], &[], "1:1 3:1"),
            (&[], &[2], "2:1"),
            (&[1, 3, 9], &[2, 3, 4], "1:1 2:1 3:2 4:1 9:1"),
        ] {
            let merged = merged(&list(left), &list(right));
            let found: Vec<_> = merged.iter().map(|it| format!("{}:{}", it.number, it.count)).collect();
            assert_eq!(found.join(" "), expected);
        }
    }
}
