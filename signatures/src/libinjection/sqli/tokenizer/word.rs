//! Words: keywords, names and variables.

use super::{Scanned, find, span, string, whole};
use crate::libinjection::sqli::keywords;
use crate::libinjection::sqli::token::{Kind, TEXT_BYTES_MAX, Token};

/// A keyword or a name.
pub(super) fn scan(rest: &[u8]) -> Scanned<'_> {
    let start = &rest[..rest.len().min(TEXT_BYTES_MAX)];
    let start = &start[..span(start, is_of_word)];
    // Before the word's end is looked for: what follows the keyword is read again, up to the same end.
    if let Some(keyword) = keyword_before_mark(start) {
        return keyword;
    }
    let length = span(rest, is_of_word);
    let (token, _) = whole(Kind::Bareword, rest, length);
    if length > TEXT_BYTES_MAX {
        return (token, length);
    }
    (Token { kind: keywords::kind(token.text).unwrap_or(Kind::Bareword), ..token }, length)
}

fn is_of_word(byte: u8) -> bool {
    !ENDS_WORD[usize::from(byte)]
}

/// The keyword in "SELECT.1" and "SELECT`column`".
fn keyword_before_mark(text: &[u8]) -> Option<Scanned<'_>> {
    let marks = text.iter().enumerate().filter(|&(_, byte)| matches!(byte, b'.' | b'`'));
    marks.map(|(at, _)| at).find_map(|at| {
        let kind = keywords::kind(&text[..at])?;
        (kind != Kind::Bareword).then(|| whole(kind, text, at))
    })
}

/// A name in back quotes, which may only be a function's.
pub(super) fn back_quoted(rest: &[u8]) -> Scanned<'_> {
    let (token, length) = string::quoted(rest, 1);
    let kind = match keywords::kind(token.text) {
        Some(Kind::Function) => Kind::Function,
        _ => Kind::Bareword,
    };
    (Token { kind, ..token }, length)
}

/// SQL Server's `[name]`.
pub(super) fn bracketed(rest: &[u8]) -> Scanned<'_> {
    whole(Kind::Bareword, rest, find(rest, b']').map_or(rest.len(), |end| end + 1))
}

/// `@name`, `@@name`, and either with the name in quotes; the marks do not belong to the text.
pub(super) fn variable(rest: &[u8]) -> Scanned<'_> {
    let marks = 1 + usize::from(rest.get(1) == Some(&b'@'));
    let name = &rest[marks..];
    let (token, length) = match name.first() {
        Some(b'`' | b'\'' | b'"') => string::quoted(name, 1),
        _ => whole(Kind::Variable, name, span(name, |byte| !ENDS_VARIABLE[usize::from(byte)])),
    };
    (Token { kind: Kind::Variable, ..token }, marks + length)
}

const ENDS_WORD: [bool; 256] = set(b" []{}<>:\\?=@!#~+-*/&|^%(),';\t\n\x0b\x0c\r\"\xa0\0");
const ENDS_VARIABLE: [bool; 256] = set(b" <>:\\?=@!#~+-*/&|^%(),';\t\n\x0b\x0c\r`\"\0");

const fn set(members: &[u8]) -> [bool; 256] {
    let mut set = [false; 256];
    let mut at = 0;
    while at < members.len() {
        set[members[at] as usize] = true;
        at += 1;
    }
    set
}
