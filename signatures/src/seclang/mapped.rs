//! Text cut out of a source file that still knows where each byte was.

use std::ops::Range;
use std::sync::Arc;

use crate::{Location, SourceFile};

/// Text with the way back to its source: quoting and continued lines shift offsets, so that a caret
/// could otherwise not point into a pattern.
#[derive(Clone, Debug)]
pub(super) struct Mapped {
    file: Arc<SourceFile>,
    text: String,
    /// Where stretches of `text` came from, by their start in `text`. Never empty, the first starts at 0.
    runs: Vec<Run>,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    at: usize,
    source: usize,
}

impl Mapped {
    /// Empty text, standing at an offset of the source.
    pub(super) fn empty(file: &Arc<SourceFile>, source: usize) -> Self {
        Self { file: Arc::clone(file), text: String::new(), runs: vec![Run { at: 0, source }] }
    }

    /// A whole range of the source.
    pub(super) fn range(file: &Arc<SourceFile>, range: Range<usize>) -> Self {
        let mut mapped = Self::empty(file, range.start);
        mapped.push_str(&file.text[range.clone()], range.start);
        mapped
    }

    /// Appends text that stands at `source`.
    pub(super) fn push_str(&mut self, text: &str, source: usize) {
        if self.text.is_empty() {
            self.runs = vec![Run { at: 0, source }];
        } else if self.source(self.text.len()) != source {
            self.runs.push(Run { at: self.text.len(), source });
        }
        self.text.push_str(text);
    }

    /// Appends a range of another text.
    pub(super) fn push_from(&mut self, other: &Self, range: Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            let run = other.run(at);
            let end = other.runs.get(run + 1).map_or(range.end, |next| next.at.min(range.end));
            self.push_str(&other.text[at..end], other.source(at));
            at = end;
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// A part of the text.
    pub(super) fn slice(&self, range: Range<usize>) -> Self {
        let mut part = Self::empty(&self.file, self.source(range.start));
        part.push_from(self, range);
        part
    }

    /// The text without white space at both ends.
    pub(super) fn trim(&self) -> Self {
        let start = self.text.len() - self.text.trim_start().len();
        self.slice(start..start + self.text.trim().len())
    }

    /// Splits at each character that `separates` says, leaving out empty parts.
    pub(super) fn split(&self, separates: impl Fn(char) -> bool) -> Vec<Self> {
        let parts = self.text.split(separates).filter(|part| !part.is_empty());
        parts.map(|part| self.slice(self.range_of(part))).collect()
    }

    /// Splits at the first `separator`.
    pub(super) fn split_once(&self, separator: char) -> Option<(Self, Self)> {
        let at = self.text.find(separator)?;
        Some((self.slice(0..at), self.slice(at + separator.len_utf8()..self.text.len())))
    }

    /// The range of a part that borrows from [`Self::as_str`].
    pub(super) fn range_of(&self, part: &str) -> Range<usize> {
        let start = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let start = self.text.floor_char_boundary(start);
        start..self.text.floor_char_boundary(start + part.len())
    }

    /// The offset in the source of a byte of the text.
    pub(super) fn source(&self, at: usize) -> usize {
        let run = self.runs[self.run(at)];
        run.source + (at - run.at)
    }

    fn run(&self, at: usize) -> usize {
        self.runs.partition_point(|run| run.at <= at).saturating_sub(1)
    }

    /// Where the text stands.
    pub(super) fn location(&self) -> Location {
        self.location_of(0..self.text.len())
    }

    /// Where a part of the text stands.
    pub(super) fn location_of(&self, range: Range<usize>) -> Location {
        let range = range.start.min(self.text.len())..range.end.min(self.text.len());
        let start = self.source(range.start);
        let end = if range.is_empty() { start } else { self.source(range.end - 1) + 1 };
        Location { file: Arc::clone(&self.file), span: start..end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_way_back() {
        let text = "ab\\\"cd\\\n  ef".to_owned();
        let file = Arc::new(SourceFile { path: "x".to_owned(), text });
        let mut mapped = Mapped::range(&file, 0..2);
        mapped.push_str("\"cd", 3);
        mapped.push_str("ef", 10);
        assert_eq!(mapped.as_str(), "ab\"cdef");
        assert_eq!(mapped.location().span, 0..12);
        assert_eq!(mapped.slice(2..6).location().span, 3..11);
        assert_eq!(mapped.slice(2..6).slice(1..2).location().span, 4..5);
        assert_eq!(mapped.slice(5..5).location().span, 10..10);
        assert_eq!(mapped.split_once('c').map(|(_, rest)| rest.location().span), Some(5..12));
    }
}
