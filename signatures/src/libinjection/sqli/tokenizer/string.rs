//! Strings in all their spellings.

use super::{Scanned, find, find_pair, single, span, whole, word};
use crate::libinjection::sqli::token::{Kind, Token};

/// A string whose opening quote stands before the value.
pub(super) fn from_inside(rest: &[u8], quote: u8) -> Scanned<'_> {
    until(rest, 0, quote)
}

/// A string whose opening quote is the last byte before `start`.
pub(super) fn quoted(rest: &[u8], start: usize) -> Scanned<'_> {
    let quote = rest[start - 1];
    let (token, length) = until(rest, start, quote);
    (Token { opened_by: Some(quote), ..token }, length)
}

/// A string from `start` to the first quote that is neither escaped nor doubled.
fn until(rest: &[u8], start: usize, quote: u8) -> Scanned<'_> {
    let mut from = start;
    while let Some(found) = find(&rest[from..], quote) {
        let end = from + found;
        if is_escaped(&rest[start..end]) {
            from = end + 1;
        } else if rest.get(end + 1) == Some(&quote) {
            from = end + 2;
        } else {
            let token = Token::new(Kind::String, &rest[start..end]);
            return (Token { closed_by: Some(quote), ..token }, end + 1);
        }
    }
    (Token::new(Kind::String, &rest[start..]), rest.len())
}

/// Whether an odd number of backslashes stands at the end.
fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

/// PostgreSQL's `e'...'`.
pub(super) fn escaped_literal(rest: &[u8]) -> Scanned<'_> {
    match rest {
        [_, b'\'', _, ..] => quoted(rest, 2),
        _ => word::scan(rest),
    }
}

/// MySQL's `n'...'` and Oracle's `nq'[...]'`.
pub(super) fn national_literal(rest: &[u8]) -> Scanned<'_> {
    match rest {
        [_, b'\'', _, ..] => quoted(rest, 2),
        _ => delimited_literal(rest, 1),
    }
}

/// `u&'...'`.
pub(super) fn unicode_literal(rest: &[u8]) -> Scanned<'_> {
    if !rest[1..].starts_with(b"&'") {
        return word::scan(rest);
    }
    let (token, length) = quoted(rest, 3);
    let closed_by = token.closed_by.map(|_| b'u');
    (Token { opened_by: Some(b'u'), closed_by, ..token }, length)
}

/// Oracle's `q'[...]'`; the `q` is expected after `skipped` bytes.
pub(super) fn delimited_literal(rest: &[u8], skipped: usize) -> Scanned<'_> {
    let delimiter = match rest.get(skipped..) {
        Some([b'q' | b'Q', b'\'', delimiter @ b'!'..=0x7f, ..]) => closing(*delimiter),
        _ => return word::scan(rest),
    };
    between(rest, skipped + 3, &[delimiter, b'\''], b'q')
}

fn closing(delimiter: u8) -> u8 {
    match delimiter {
        b'(' => b')',
        b'[' => b']',
        b'{' => b'}',
        b'<' => b'>',
        other => other,
    }
}

/// A string from `start` to `end`, or to the end of the value.
fn between<'a>(rest: &'a [u8], start: usize, end: &[u8], mark: u8) -> Scanned<'a> {
    let inside = &rest[start..];
    let found = match *end {
        [first, second] => find_pair(inside, [first, second]),
        _ => find_tag(inside, end),
    };
    let text = &inside[..found.unwrap_or(inside.len())];
    let token =
        Token { opened_by: Some(mark), closed_by: found.map(|_| mark), ..Token::new(Kind::String, text) };
    (token, start + found.map_or(inside.len(), |at| at + end.len()))
}

/// Linear, because a tag has no `$` but at its ends.
fn find_tag(inside: &[u8], tag: &[u8]) -> Option<usize> {
    let starts = inside.iter().enumerate().filter(|&(_, &byte)| byte == b'$');
    starts.map(|(at, _)| at).find(|&at| inside[at..].starts_with(tag))
}

/// Money (`$1,000.00`), PostgreSQL's `$$...$$` and `$tag$...$tag$`, or a lone dollar.
pub(super) fn dollar(rest: &[u8]) -> Scanned<'_> {
    match span(&rest[1..], |byte| matches!(byte, 0 | b'0'..=b'9' | b'.' | b',')) {
        0 => dollar_quoted(rest),
        1 if rest[1] == b'.' => word::scan(rest),
        digits => whole(Kind::Number, rest, 1 + digits),
    }
}

fn dollar_quoted(rest: &[u8]) -> Scanned<'_> {
    let letters = span(&rest[1..], |byte| byte == 0 || byte.is_ascii_alphabetic());
    match rest.get(1 + letters) {
        Some(b'$') => between(rest, letters + 2, &rest[..letters + 2], b'$'),
        _ => single(Kind::Bareword, rest),
    }
}
