//! Why an operator does not compile.

use std::ops::Range;

/// Why an operator's argument does not compile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorError {
    /// A stable name, kebab case: `invalid-regex`.
    pub code: &'static str,
    /// What was expected and what came.
    pub message: String,
    /// Byte offsets within the argument, where it can be said.
    pub span: Option<Range<usize>>,
    /// The way out, if one exists.
    pub help: Option<String>,
}

impl OperatorError {
    /// The code of an operator that matches nothing here; the rule loads, with a warning.
    pub const UNAVAILABLE: &'static str = "unavailable-operator";

    /// An error without place or help.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), span: None, help: None }
    }

    /// Adds where in the argument.
    pub(super) fn at(self, span: Range<usize>) -> Self {
        Self { span: Some(span), ..self }
    }

    /// Adds the way out.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// Items of a list with their byte offsets: `separators` divide, spaces around are left out, empty items
/// too.
pub(super) fn items(
    text: &str,
    separates: impl Fn(char) -> bool + Copy,
) -> impl Iterator<Item = (Range<usize>, &str)> {
    text.split(separates).filter_map(move |item| {
        let trimmed = item.trim();
        let start = trimmed.as_ptr() as usize - text.as_ptr() as usize;
        (!trimmed.is_empty()).then_some((start..start + trimmed.len(), trimmed))
    })
}
