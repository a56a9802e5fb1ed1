//! `@eq`, `@ge`, `@gt`, `@le`, `@lt`: the value, as a number, against the argument.
//!
//! A number is read as C's `atoi` does: leading spaces, a sign, digits; what follows is left out and what
//! does not begin so is 0. Numbers beyond 64 bits stop there. The argument may be a macro.
//!
//! ```text
//! SecRule TX:BLOCKING_INBOUND_ANOMALY_SCORE "@ge %{tx.inbound_anomaly_score_threshold}" "id:949110,phase:2,deny"
//! SecRule &ARGS "@gt 100" "id:1000,phase:2,deny"
//! ```
//! ModSecurity reference v3, "Operators", `eq`, `ge`, `gt`, `le`, `lt`.

use super::{Argument, OperatorError};
use crate::Resolve;

/// Which way a value is compared with the argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `@eq`: equal.
    Eq,
    /// `@ge`: greater or equal.
    Ge,
    /// `@gt`: greater.
    Gt,
    /// `@le`: less or equal.
    Le,
    /// `@lt`: less.
    Lt,
}

/// A number, or text with macros that becomes one.
#[derive(Debug)]
pub enum Number {
    /// Known at load.
    Fixed(i64),
    /// Read for each value.
    Macro(Argument),
}

impl Comparison {
    /// Whether the value compares so with the argument.
    #[must_use]
    pub fn holds(self, value: &[u8], argument: i64) -> bool {
        let value = integer(value);
        match self {
            Self::Eq => value == argument,
            Self::Ge => value >= argument,
            Self::Gt => value > argument,
            Self::Le => value <= argument,
            Self::Lt => value < argument,
        }
    }
}

impl Number {
    pub(super) fn compile(argument: &str) -> Result<Self, OperatorError> {
        let argument = Argument::compile(argument)?;
        Ok(match argument.as_literal() {
            Some(text) => Self::Fixed(integer(text)),
            None => Self::Macro(argument),
        })
    }

    pub(super) fn get(&self, resolve: &dyn Resolve) -> i64 {
        match self {
            Self::Fixed(number) => *number,
            Self::Macro(argument) => argument.with(resolve, integer),
        }
    }
}

/// Reads a number as `atoi` does.
fn integer(text: &[u8]) -> i64 {
    let start = text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len());
    let (negative, digits) = match &text[start..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let number = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0_i64, |number, digit| number.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    if negative { -number } else { number }
}

/// C's `isspace`: unlike Rust's it includes the vertical tab.
fn is_space(byte: u8) -> bool {
    byte == 0x0b || byte.is_ascii_whitespace()
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn numbers() {
        for (text, number) in [
            ("", 0),
            ("5", 5),
            (" \t\x0b+7x", 7),
            ("-12.9", -12),
            ("x5", 0),
            ("- 5", 0),
            ("0x10", 0),
            ("99999999999999999999", i64::MAX),
            ("-99999999999999999999", -i64::MAX),
        ] {
            assert_eq!(integer(text.as_bytes()), number, "{text:?}");
        }
    }

    #[test]
    fn compares() {
        for (name, less, equal, greater) in [
            ("eq", None, Some("5"), None),
            ("ge", None, Some("5"), Some("10")),
            ("gt", None, None, Some("10")),
            ("le", Some("4"), Some("5"), None),
            ("lt", Some("4"), None, None),
        ] {
            for argument in ["5", "%{tx.number}", "%{tx.number}0x"] {
                if !argument.ends_with('x') {
                    check(name, &[(argument, "4", less), (argument, "5", equal), (argument, "10", greater)]);
                }
            }
        }
        check("eq", &[("%{tx.number}0", "50", Some("50")), ("0", "", Some("")), ("0", "abc", Some("abc"))]);
    }
}
