//! Numbers.

use super::{Scanned, is_space, single, span, whole, word};
use crate::libinjection::sqli::token::Kind;

/// A token that begins with a digit or a dot.
pub(super) fn scan(rest: &[u8]) -> Scanned<'_> {
    match rest {
        [b'0', b'x' | b'X', digits @ ..] => prefixed(rest, span(digits, is_hexadecimal)),
        [b'0', b'b' | b'B', digits @ ..] => prefixed(rest, span(digits, is_binary)),
        _ => decimal(rest),
    }
}

/// `0x` or `0b` and its digits; a word if there are none.
fn prefixed(rest: &[u8], digits: usize) -> Scanned<'_> {
    let kind = if digits == 0 { Kind::Bareword } else { Kind::Number };
    whole(kind, rest, 2 + digits)
}

fn decimal(rest: &[u8]) -> Scanned<'_> {
    let digits = |from: usize| from + span(&rest[from..], |byte| byte.is_ascii_digit());
    let mut end = digits(0);
    if rest.get(end) == Some(&b'.') {
        end = digits(end + 1);
        if end == 1 {
            return single(Kind::Dot, rest);
        }
    }
    let mut kind = Kind::Number;
    if let Some(b'e' | b'E') = rest.get(end) {
        let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
        let exponent = end + 1 + sign;
        end = digits(exponent);
        // "1.e" is a column of a table named 1.
        if end == exponent {
            kind = Kind::Bareword;
        }
    }
    whole(kind, rest, end + suffix(&rest[end..]))
}

/// Oracle's `1.5d` and `1.5f`, where no word begins: `1FROM` is two tokens, but `1fUNION` is `1f UNION`.
fn suffix(rest: &[u8]) -> usize {
    match rest {
        [b'd' | b'D' | b'f' | b'F'] => 1,
        [b'd' | b'D' | b'f' | b'F', next, ..] if is_space(*next) || matches!(next, b';' | b'u' | b'U') => 1,
        _ => 0,
    }
}

/// `b'01'`.
pub(super) fn binary_literal(rest: &[u8]) -> Scanned<'_> {
    quoted_digits(rest, is_binary)
}

/// `x'0f'`.
pub(super) fn hexadecimal_literal(rest: &[u8]) -> Scanned<'_> {
    quoted_digits(rest, is_hexadecimal)
}

fn quoted_digits(rest: &[u8], is_digit: fn(u8) -> bool) -> Scanned<'_> {
    let [_, b'\'', inside @ ..] = rest else {
        return word::scan(rest);
    };
    let digits = span(inside, is_digit);
    match inside.get(digits) {
        Some(b'\'') => whole(Kind::Number, rest, digits + 3),
        _ => word::scan(rest),
    }
}

fn is_binary(byte: u8) -> bool {
    matches!(byte, 0 | b'0' | b'1')
}

fn is_hexadecimal(byte: u8) -> bool {
    byte == 0 || byte.is_ascii_hexdigit()
}
