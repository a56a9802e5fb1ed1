//! What tests ask of texts: enough to leave out what transformations would make for nothing.

use crate::prefilter::{ByteSet, Clause};
use crate::transformation::Transformation;

/// What the tests ask that look at what a transformation makes, or at what others make of that.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// For each test, sets of bytes: what is transformed has one of each, or the test does not pass. `None` when
    /// of some test nothing can be said.
    sets: Option<Vec<Vec<ByteSet>>>,
    /// What is made is as long as this, or no test passes (bytes).
    bytes_min: Option<usize>,
}

/// What one test asks of the texts that its own is made of.
pub(super) struct Asker<'c> {
    clauses: Vec<&'c Clause>,
    bytes_min: usize,
    /// What the transformations up to here may have made.
    made: ByteSet,
}

impl Asked {
    /// Whether a transformation can make something for a test of a text of so many bytes, which has these.
    pub(super) fn may_pass(&self, transformation: Transformation, seen: &ByteSet, bytes: usize) -> bool {
        let has_all = |sets: &Vec<ByteSet>| sets.iter().all(|set| set.meets(seen));
        self.is_long_enough(transformation.bytes_max(bytes))
            && self.sets.as_ref().is_none_or(|all| all.iter().any(has_all))
    }

    /// Whether what was made is as long as some test asks.
    pub(super) fn is_long_enough(&self, bytes: usize) -> bool {
        self.bytes_min.is_none_or(|min| bytes >= min)
    }

    /// Adds what one more test asks.
    fn add(&mut self, sets: Vec<ByteSet>, bytes_min: usize) {
        let is_first = self.bytes_min.is_none();
        self.bytes_min = Some(self.bytes_min.map_or(bytes_min, |min| min.min(bytes_min)));
        if is_first {
            self.sets = Some(Vec::new());
        }
        match &mut self.sets {
            _ if sets.is_empty() => self.sets = None,
            Some(all) if !all.contains(&sets) => all.push(sets),
            _ => {}
        }
        // More take longer to ask than a transformation takes.
        if self.sets.as_ref().is_some_and(|all| all.len() > TESTS_MAX) {
            self.sets = None;
        }
    }
}

impl<'c> Asker<'c> {
    pub(super) fn new(clauses: Vec<&'c Clause>, bytes_min: usize) -> Self {
        Self { clauses, bytes_min, made: ByteSet::EMPTY }
    }

    /// Goes one transformation back, and says there what it asks.
    pub(super) fn go_back(&mut self, transformation: Transformation, asked: &mut Asked) {
        self.made = self.made.union(transformation.makes());
        let sets = self.clauses.iter().filter_map(|clause| clause.bytes_before(self.made));
        asked.add(sets.collect(), self.bytes_min);
        if transformation.may_grow() {
            self.bytes_min = 0;
        }
    }
}

/// Tests of which it is known what they ask (count).
const TESTS_MAX: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_what_cannot_have_been_made() {
        let clauses = [Clause::literals([b"$(".as_slice(), b"~+"]), Clause::literals([b" x".as_slice()])];
        let clauses: Vec<_> = clauses.iter().flatten().collect();
        let (mut command, mut decoded) = (Asked::default(), Asked::default());
        let mut asker = Asker::new(clauses.clone(), 4);
        asker.go_back(Transformation::CmdLine, &mut command);
        asker.go_back(Transformation::UrlDecode, &mut decoded);
        let may_pass = |asked: &Asked, transformation, text: &[u8]| {
            asked.may_pass(transformation, &ByteSet::seen_in(text), text.len())
        };
        for (text, expected) in
            [("a,x$(", true), ("a,x~", true), ("a,x", false), ("a,b$(", false), (",x$", false)]
        {
            assert_eq!(may_pass(&command, Transformation::CmdLine, text.as_bytes()), expected, "{text}");
        }
        assert!(may_pass(&decoded, Transformation::UrlDecode, b"anything"));
        assert!(!may_pass(&decoded, Transformation::UrlDecode, b"any"));
        Asker::new(clauses, 2).go_back(Transformation::HexEncode, &mut decoded);
        assert!(may_pass(&decoded, Transformation::UrlDecode, b"an"));
    }
}
