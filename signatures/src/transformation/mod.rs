//! SecLang transformations (`t:`), one a file.

use std::borrow::Cow;

/// A transformation. `t:none` is not one: it empties the list at load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transformation {
    /// `t:lowercase`.
    Lowercase,
}

impl Transformation {
    /// The transformation of that name, compared without case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        name.eq_ignore_ascii_case("lowercase").then_some(Self::Lowercase)
    }

    /// Applies it; borrows when nothing changes.
    #[must_use]
    pub fn apply<'v>(self, mut value: Cow<'v, [u8]>) -> Cow<'v, [u8]> {
        match self {
            Self::Lowercase => {
                if value.iter().any(u8::is_ascii_uppercase) {
                    value.to_mut().make_ascii_lowercase();
                }
                value
            }
        }
    }
}
