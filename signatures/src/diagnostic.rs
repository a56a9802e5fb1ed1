//! What is wrong with a rule file or a configuration, as plain data.

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
    /// The way out, if one exists.
    pub help: Option<String>,
}

impl Location {
    /// Line and column of the first byte, from 1; columns count characters.
    #[must_use]
    pub fn line_column(&self) -> (usize, usize) {
        let before = &self.file.text[..self.span.start.min(self.file.text.len())];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}
