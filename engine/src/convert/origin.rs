//! Text cut out of a file, with the way back.

use std::ops::Range;
use std::sync::Arc;

use signatures::{Location, SourceFile};

/// Where the lines of a text came from.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    file: Arc<SourceFile>,
    /// For each line of the text, where it begins in the text and, if that is known, in the file.
    lines: Vec<(usize, Option<usize>)>,
    /// What is pointed at when a line was not found.
    fallback: Range<usize>,
}

impl Origin {
    /// The whole of a file.
    pub(super) fn whole(file: &Arc<SourceFile>) -> Self {
        Self { file: file.clone(), lines: vec![(0, Some(0))], fallback: 0..0 }
    }

    /// A text of which each line stands somewhere within `span`, in order, as the lines of a YAML scalar do.
    pub(super) fn within(file: &Arc<SourceFile>, text: &str, span: Range<usize>) -> Self {
        let mut lines = Vec::new();
        let (mut at, mut from) = (0, span.start);
        for line in text.split_inclusive('\n') {
            let wanted = line.trim();
            let rest = file.text.get(from..span.end).unwrap_or_default();
            let found = rest.find(wanted).filter(|_| !wanted.is_empty()).map(|found| from + found);
            let indent = line.len() - line.trim_start().len();
            lines.push((at + indent, found));
            from = found.map_or(from, |found| found + wanted.len());
            at += line.len();
        }
        Self { file: file.clone(), lines, fallback: span }
    }

    /// Where a part of the text stands.
    pub(super) fn locate(&self, part: Range<usize>) -> Location {
        let start = self.place(part.start).unwrap_or(self.fallback.start);
        let end = self.place(part.end.saturating_sub(1)).map_or(start, |end| end + 1).max(start);
        Location { file: self.file.clone(), span: start..end }
    }

    fn place(&self, at: usize) -> Option<usize> {
        let line = self.lines.partition_point(|(begin, _)| *begin <= at).checked_sub(1)?;
        let (begin, source) = self.lines.get(line)?;
        Some((*source)? + (at - begin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_lines_again() {
        let text = "a: |\n  SecRule x\n    y\n\n  SecAction z\nb: SecAction z\n".to_owned();
        let file = Arc::new(SourceFile { path: "x".to_owned(), text });
        let snippet = "SecRule x\n  y\n\nSecAction z\n";
        let origin = Origin::within(&file, snippet, 3..file.text.len());
        for (part, expected) in [("SecRule", "SecRule"), ("y", "y"), ("SecAction", "SecAction"), ("z", "z")] {
            let at = snippet.find(part).unwrap();
            let place = origin.locate(at..at + part.len());
            assert_eq!(&file.text[place.span.clone()], expected);
            assert!(place.span.start < file.text.find("b:").unwrap(), "{part}");
        }
    }
}
