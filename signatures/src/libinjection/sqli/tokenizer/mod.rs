//! Cuts a value into tokens, byte by byte, with all databases' syntaxes at once.

mod comment;
mod number;
mod string;
mod word;

use super::keywords;
use super::token::{Kind, Token};

/// Whose rules decide where a comment begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Ansi,
    MySql,
}

/// The tokens of a value, in order.
pub(super) struct Tokenizer<'a> {
    rest: &'a [u8],
    /// The quote that stands before the value, until it is closed.
    quote: Option<u8>,
    dialect: Dialect,
    /// How many tokens were read.
    pub(super) count: usize,
    /// Whether something was read that the other dialect reads differently.
    pub(super) is_ambiguous: bool,
}

/// A token and how many bytes it took.
type Scanned<'a> = (Token<'a>, usize);

impl<'a> Tokenizer<'a> {
    pub(super) fn new(input: &'a [u8], quote: Option<u8>, dialect: Dialect) -> Self {
        Self { rest: input, quote, dialect, count: 0, is_ambiguous: false }
    }

    fn scan_next(&mut self) -> Option<Scanned<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        if let Some(quote) = self.quote.take() {
            return Some(string::from_inside(self.rest, quote));
        }
        self.rest = &self.rest[span(self.rest, is_skipped)..];
        Some(self.scan(*self.rest.first()?))
    }

    /// `first` is the first byte of the rest.
    fn scan(&mut self, first: u8) -> Scanned<'a> {
        let rest = self.rest;
        match first {
            b'"' | b'\'' => string::quoted(rest, 1),
            b'#' => self.hash(),
            b'$' => string::dollar(rest),
            b'%' | b'+' | b'^' | b'~' => single(Kind::Operator, rest),
            b'!' | b'&' | b'*' | b':' | b'<' | b'=' | b'>' | b'|' => operator(rest),
            b'(' => single(Kind::LeftParenthesis, rest),
            b')' => single(Kind::RightParenthesis, rest),
            b',' => single(Kind::Comma, rest),
            b'-' => self.dash(),
            b'.' | b'0'..=b'9' => number::scan(rest),
            b'/' => comment::slash(rest),
            b';' => single(Kind::Semicolon, rest),
            b'?' | b']' => single(Kind::Unknown, rest),
            b'@' => word::variable(rest),
            b'B' | b'b' => number::binary_literal(rest),
            b'E' | b'e' => string::escaped_literal(rest),
            b'N' | b'n' => string::national_literal(rest),
            b'Q' | b'q' => string::delimited_literal(rest, 0),
            b'U' | b'u' => string::unicode_literal(rest),
            b'X' | b'x' => number::hexadecimal_literal(rest),
            b'[' => word::bracketed(rest),
            b'\\' => backslash(rest),
            b'`' => word::back_quoted(rest),
            b'{' => single(Kind::LeftBrace, rest),
            b'}' => single(Kind::RightBrace, rest),
            _ => word::scan(rest),
        }
    }

    /// A comment for MySQL, an operator for the others.
    fn hash(&mut self) -> Scanned<'a> {
        self.is_ambiguous = true;
        match self.dialect {
            Dialect::Ansi => single(Kind::Operator, self.rest),
            Dialect::MySql => comment::to_end_of_line(self.rest),
        }
    }

    /// Two dashes begin a comment, for MySQL only before a space or at the end.
    fn dash(&mut self) -> Scanned<'a> {
        match self.rest {
            [_, b'-'] => comment::to_end_of_line(self.rest),
            [_, b'-', next, ..] if is_space(*next) => comment::to_end_of_line(self.rest),
            [_, b'-', ..] if self.dialect == Dialect::Ansi => {
                self.is_ambiguous = true;
                comment::to_end_of_line(self.rest)
            }
            _ => single(Kind::Operator, self.rest),
        }
    }
}

impl<'a> Iterator for Tokenizer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let (token, length) = self.scan_next()?;
        debug_assert!(length > 0 && length <= self.rest.len());
        self.rest = self.rest.get(length..).unwrap_or_default();
        self.count += 1;
        Some(token)
    }
}

/// A token of one byte.
fn single(kind: Kind, rest: &[u8]) -> Scanned<'_> {
    (Token::new(kind, &rest[..1]), 1)
}

/// A token of everything up to `length`.
fn whole(kind: Kind, rest: &[u8], length: usize) -> Scanned<'_> {
    (Token::new(kind, &rest[..length]), length)
}

fn operator(rest: &[u8]) -> Scanned<'_> {
    if rest.starts_with(b"<=>") {
        return whole(Kind::Operator, rest, 3);
    }
    if let Some(kind) = rest.get(..2).and_then(keywords::kind) {
        return whole(kind, rest, 2);
    }
    let kind = if rest[0] == b':' && rest.len() > 1 { Kind::Colon } else { Kind::Operator };
    single(kind, rest)
}

/// MySQL writes NULL as `\N`.
fn backslash(rest: &[u8]) -> Scanned<'_> {
    match rest {
        [_, b'N', ..] => whole(Kind::Number, rest, 2),
        _ => single(Kind::Backslash, rest),
    }
}

/// How many bytes at the start are accepted.
fn span(bytes: &[u8], accept: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|&byte| !accept(byte)).unwrap_or(bytes.len())
}

/// What separates tokens and is nothing itself.
fn is_skipped(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f || byte == 0xa0
}

/// What databases take for white space: Oracle NUL, Latin-1 readers the no-break space.
fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t'..=b'\r' | b' ' | 0xa0)
}

fn find(bytes: &[u8], wanted: u8) -> Option<usize> {
    bytes.iter().position(|&byte| byte == wanted)
}

fn find_pair(bytes: &[u8], pair: [u8; 2]) -> Option<usize> {
    bytes.array_windows().position(|window| *window == pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(dialect: Dialect, input: &str, expected: &[(Kind, &str)]) {
        let tokens = Tokenizer::new(input.as_bytes(), None, dialect);
        let found: Vec<_> = tokens.map(|token| (token.kind, String::from_utf8_lossy(token.text))).collect();
        let found: Vec<_> = found.iter().map(|(kind, text)| (*kind, text.as_ref())).collect();
        assert_eq!(found, expected, "{input}");
    }

    #[test]
    fn ansi() {
        use Kind::*;
        let rows: &[(&str, &[(Kind, &str)])] = &[
            ("", &[]),
            (" \t\u{b}\r\n", &[]),
            ("1 OR 2", &[(Number, "1"), (Logic, "OR"), (Number, "2")]),
            ("a--b", &[(Bareword, "a"), (Comment, "--b")]),
            ("a # b", &[(Bareword, "a"), (Operator, "#"), (Bareword, "b")]),
            ("a/*b*/c", &[(Bareword, "a"), (Comment, "/*b*/"), (Bareword, "c")]),
            ("/*!1*/", &[(Evil, "/*!1*/")]),
            ("/*/*x*/", &[(Evil, "/*/*x*/")]),
            ("<=>:=:a", &[(Operator, "<=>"), (Operator, ":="), (Colon, ":"), (Bareword, "a")]),
            (":", &[(Operator, ":")]),
            ("\\N\\n", &[(Number, "\\N"), (Backslash, "\\"), (Bareword, "n")]),
            ("?]", &[(Unknown, "?"), (Unknown, "]")]),
        ];
        for (input, expected) in rows {
            check(Dialect::Ansi, input, expected);
        }
    }

    #[test]
    fn mysql() {
        use Kind::*;
        check(Dialect::MySql, "a--b", &[(Bareword, "a"), (Operator, "-"), (Operator, "-"), (Bareword, "b")]);
        check(Dialect::MySql, "a-- b\nc", &[(Bareword, "a"), (Comment, "-- b"), (Bareword, "c")]);
        check(Dialect::MySql, "a #b", &[(Bareword, "a"), (Comment, "#b")]);
    }
}
