//! An operator's argument that is text with macros.

use super::OperatorError;
use crate::suggest::closest;
use crate::{Resolve, Text, Variable};

/// Text that a value is compared with; macros (`%{tx.allowed_methods}`) are replaced for each value.
#[derive(Debug)]
pub struct Argument(Text);

impl Argument {
    /// Splits the argument at its macros.
    pub(super) fn compile(argument: &str) -> Result<Self, OperatorError> {
        Text::parse(argument).map(Self).map_err(|name| unknown_macro(argument, name))
    }

    /// The argument, when it has no macro.
    #[must_use]
    pub fn as_literal(&self) -> Option<&[u8]> {
        self.0.as_literal()
    }

    /// The argument with its macros.
    pub(super) fn text(&self) -> &Text {
        &self.0
    }

    /// Calls `compare` with the argument, macros replaced.
    pub(super) fn with<T>(&self, resolve: &dyn Resolve, compare: impl FnOnce(&[u8]) -> T) -> T {
        self.0.with(resolve, compare)
    }
}

impl std::fmt::Display for Argument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

fn unknown_macro(argument: &str, name: &str) -> OperatorError {
    let error = OperatorError::new("unknown-macro", format!("unknown variable in macro `%{{{name}}}`"));
    let error = match argument.find(&format!("%{{{name}}}")) {
        Some(start) => error.at(start..start + name.len() + 3),
        None => error,
    };
    let collection = name.split(['.', ':']).next().unwrap_or_default();
    match closest(collection, Variable::ALL.iter().map(|variable| variable.name())) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::refusal;

    #[test]
    fn unknown_macros_are_refused() {
        let error = refusal("streq", "is %{REQUEST_HEADER.host}");
        assert_eq!((error.code, error.span), ("unknown-macro", Some(3..25)));
        assert_eq!(error.help.as_deref(), Some("did you mean `REQUEST_HEADERS`?"));
    }
}
