//! SecLang operators, one a file.

use std::ops::Range;

use crate::Resolve;

/// A compiled operator with its argument. `!` is not here but in [`crate::Link::negated`].
#[derive(Debug)]
pub enum Operator {
    /// `@unconditionalMatch`, and what `SecAction` tests.
    UnconditionalMatch,
}

/// What an operator needs from the transaction to compile: data files beside the rules.
pub trait DataFiles {
    /// The text of the file that `@pmFromFile`, `@ipMatchFromFile` name, relative to the rule file.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read(&self, name: &str) -> Result<Vec<u8>, String>;
}

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

/// Groups 0-9 of the last capturing match; what `TX:0`..`TX:9` become.
#[derive(Clone, Debug, Default)]
pub struct Captures {
    groups: Vec<Option<Vec<u8>>>,
}

impl Captures {
    /// Forgets all groups.
    pub fn clear(&mut self) {
        self.groups.clear();
    }

    /// Sets the next group; more than ten are not kept, as in SecLang.
    pub fn push(&mut self, group: Option<&[u8]>) {
        if self.groups.len() < 10 {
            self.groups.push(group.map(<[u8]>::to_vec));
        }
    }

    /// Group `index`, when it took part in the match.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.groups.get(index)?.as_deref()
    }

    /// How many groups were set, taking part or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

impl Operator {
    /// Compiles `@name argument`.
    ///
    /// # Errors
    /// Unknown names (`unknown-operator`, with a suggestion) and arguments that do not compile.
    pub fn compile(name: &str, argument: &str, files: &dyn DataFiles) -> Result<Self, OperatorError> {
        let _ = (argument, files);
        match name.to_ascii_lowercase().as_str() {
            "unconditionalmatch" => Ok(Self::UnconditionalMatch),
            _ => Err(OperatorError {
                code: "unknown-operator",
                message: format!("unknown operator `@{name}`"),
                span: None,
                help: None,
            }),
        }
    }

    /// Where `value` matches, or `None`; operators that compare the whole value return its whole range.
    /// Groups are written to `captures` when the rule asks for them.
    pub fn find(
        &self,
        value: &[u8],
        resolve: &dyn Resolve,
        captures: Option<&mut Captures>,
    ) -> Option<Range<usize>> {
        let _ = (resolve, captures);
        match self {
            Self::UnconditionalMatch => Some(0..value.len()),
        }
    }
}
