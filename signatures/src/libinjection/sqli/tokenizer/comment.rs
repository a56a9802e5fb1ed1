//! Comments.

use super::{Scanned, find, find_pair, single, whole};
use crate::libinjection::sqli::token::{Kind, Token};

/// A comment that ends with its line; the line feed belongs to it.
pub(super) fn to_end_of_line(rest: &[u8]) -> Scanned<'_> {
    let (text, length) = match find(rest, b'\n') {
        Some(end) => (&rest[..end], end + 1),
        None => (rest, rest.len()),
    };
    (Token::new(Kind::Comment, text), length)
}

/// A division, or a comment up to `*/`.
///
/// Databases disagree about comments in comments, and MySQL runs what is in `/*! */`.
pub(super) fn slash(rest: &[u8]) -> Scanned<'_> {
    let Some(inside) = rest.strip_prefix(b"/*") else {
        return single(Kind::Operator, rest);
    };
    let end = find_pair(inside, *b"*/");
    // One byte more than the text, so that the `*` of the end may belong to a nested `/*`.
    let is_nested = end.is_some_and(|end| find_pair(&inside[..=end], *b"/*").is_some());
    let kind = if is_nested || inside.first() == Some(&b'!') { Kind::Evil } else { Kind::Comment };
    whole(kind, rest, end.map_or(rest.len(), |end| end + 4))
}
