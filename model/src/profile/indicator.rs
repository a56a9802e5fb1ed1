//! Something suspicious that values of a parameter have.

use super::{Distinct, Windows};
use crate::ngram::BUCKETS;

/// Indicators from this number on are classes of words ([`crate::keyword`]), those below it buckets of
/// n-grams ([`crate::ngram`]).
pub const CLASS_FIRST: u32 = BUCKETS as u32;
/// Indicators from this number on are rules, by their ids. Higher ids than fit are not learned.
pub const RULE_FIRST: u32 = 1 << 31;
/// Sources of an indicator that are told apart.
pub(super) const SOURCES: usize = 6;

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
