//! What is wrong with a rule file or a configuration, as plain data; drawn as text, JSON or SARIF.

mod json;
mod sarif;
mod text;

use std::ops::Range;
use std::sync::Arc;

/// A text that diagnostics point into.
#[derive(Debug)]
pub struct SourceFile {
    /// The path as the user gave it, or `builtin:NAME`.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// A place in a source file.
#[derive(Clone, Debug)]
pub struct Location {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Byte offsets in `file.text`.
    pub span: Range<usize>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a thought; shown to those who ask for it.
    Note,
    /// Loads, but probably not what was meant.
    Warning,
    /// Does not load; what runs stays.
    Error,
}

/// Something wrong, where, and the way out.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable name, kebab case: `unknown-transformation`.
    pub code: &'static str,
    /// What is wrong: lower case, no full stop, backticks around what the user wrote.
    pub title: String,
    /// Where, when it is anywhere.
    pub location: Option<Location>,
    /// What the caret says.
    pub label: String,
    /// A second place that explains the first (the other rule with that id), and what is there.
    pub related: Option<(Location, String)>,
    /// The way out, if one exists.
    pub help: Option<String>,
}

impl Severity {
    /// `note`, `warning` or `error`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Diagnostic {
    /// The code of the warning that `@rbl` never matches while no list is asked: whether one is, only a
    /// configuration can say.
    pub const LISTS_OFF: &'static str = "lists-off";

    /// An error without a place.
    #[must_use]
    pub fn error(code: &'static str, title: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, title.into())
    }

    /// A warning without a place.
    #[must_use]
    pub fn warning(code: &'static str, title: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, title.into())
    }

    /// A note without a place.
    #[must_use]
    pub fn note(code: &'static str, title: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, title.into())
    }

    fn new(severity: Severity, code: &'static str, title: String) -> Self {
        Self { severity, code, title, location: None, label: String::new(), related: None, help: None }
    }

    /// Points at a place.
    #[must_use]
    pub fn at(mut self, location: Location, label: impl Into<String>) -> Self {
        (self.location, self.label) = (Some(location), label.into());
        self
    }

    /// Points at a second place.
    #[must_use]
    pub fn related(mut self, location: Location, label: impl Into<String>) -> Self {
        self.related = Some((location, label.into()));
        self
    }

    /// Says the way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help = help.into();
        self
    }
}

impl Location {
    /// Line and column of the first byte, from 1; columns count characters.
    #[must_use]
    pub fn line_column(&self) -> (usize, usize) {
        self.position(self.span.start)
    }

    /// Line and column of the byte after the last.
    #[must_use]
    pub fn end_line_column(&self) -> (usize, usize) {
        self.position(self.span.end)
    }

    fn position(&self, offset: usize) -> (usize, usize) {
        let text = &self.file.text;
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The span, moved onto character boundaries within the text.
    fn drawable(&self) -> Range<usize> {
        let text = &self.file.text;
        let start = text.floor_char_boundary(self.span.start);
        start..text.ceil_char_boundary(self.span.end.max(start)).min(text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn sample() -> Diagnostic {
        let text = "SecRule ARGS \"@rx x\" \\\n    \"id:1001,phase:2,t:lowercaes,deny\"\n".to_owned();
        let start = text.find("lowercaes").unwrap();
        let file = Arc::new(SourceFile { path: "rules/local.conf".to_owned(), text });
        Diagnostic::error("unknown-transformation", "unknown transformation `lowercaes`")
            .at(Location { file, span: start..start + 9 }, "not a transformation")
            .help("did you mean `lowercase`?".to_owned())
    }

    #[test]
    fn positions_count_characters_and_never_panic() {
        let file = Arc::new(SourceFile { path: "x".to_owned(), text: "é\nñandú".to_owned() });
        let at = |start, end| Location { file: Arc::clone(&file), span: start..end }.line_column();
        assert_eq!(at(0, 1), (1, 1));
        assert_eq!(at(1, 1), (1, 1));
        assert_eq!(at(3, 4), (2, 1));
        assert_eq!(at(5, 6), (2, 2));
        assert_eq!(at(500, 6), (2, 6));
    }
}
