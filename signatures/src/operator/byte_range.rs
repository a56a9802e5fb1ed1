//! `@validateByteRange`: a byte of the value is outside the ranges.
//!
//! The argument is a list of bytes and ranges of bytes as decimal numbers, divided by commas. It matches
//! at the first byte that is in none of them; the empty value does not match.
//!
//! ```text
//! SecRule ARGS "@validateByteRange 1-255" "id:920270,phase:2,block"
//! ```
//! ModSecurity reference v3, "Operators", `validateByteRange`.

use std::ops::{Range, RangeInclusive};

use super::OperatorError;
use super::error::items;

/// A set of bytes.
#[derive(Clone, Debug)]
pub struct ByteRange {
    allowed: Box<[bool; 256]>,
}

impl ByteRange {
    pub(super) fn compile(argument: &str) -> Result<Self, OperatorError> {
        let mut allowed = Box::new([false; 256]);
        for (span, item) in items(argument, |c| c == ',') {
            let range = range(item).ok_or_else(|| invalid(item).at(span))?;
            allowed[usize::from(*range.start())..=usize::from(*range.end())].fill(true);
        }
        if allowed.contains(&true) { Ok(Self { allowed }) } else { Err(invalid(argument)) }
    }

    /// Whether the byte is in the set.
    #[must_use]
    pub fn allows(&self, byte: u8) -> bool {
        self.allowed[usize::from(byte)]
    }

    /// The first byte that is not in the set.
    pub(super) fn find_outside(&self, value: &[u8]) -> Option<Range<usize>> {
        value.iter().position(|byte| !self.allows(*byte)).map(|at| at..at + 1)
    }
}

/// `N` or `N-M`.
fn range(item: &str) -> Option<RangeInclusive<u8>> {
    let (start, end) = item.split_once('-').unwrap_or((item, item));
    let (start, end) = (start.trim().parse().ok()?, end.trim().parse().ok()?);
    (start <= end).then_some(start..=end)
}

fn invalid(item: &str) -> OperatorError {
    OperatorError::new("invalid-argument", format!("expected bytes from 0 to 255, found `{item}`"))
        .help("write numbers and ranges, as in `@validateByteRange 10,13,32-126`")
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, refusal};

    #[test]
    fn matches() {
        check(
            "validateByteRange",
            &[
                ("32-126", "plain", None),
                ("32-126", "pl\x07ain", Some("\x07")),
                ("10, 13 , 97-99", "ab\r\nc", None),
                ("10,13,97-99", "abd", Some("d")),
                ("1-255", "", None),
                ("0-255", "\0", None),
            ],
        );
    }

    #[test]
    fn bad_ranges_are_refused() {
        for (argument, span) in
            [("1-256", Some(0..5)), ("1,x", Some(2..3)), ("9-5", Some(0..3)), ("", None), (",", None)]
        {
            let error = refusal("validateByteRange", argument);
            assert_eq!((error.code, error.span), ("invalid-argument", span), "{argument}");
        }
    }
}
