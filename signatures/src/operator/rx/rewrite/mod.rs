//! Perl-compatible patterns in the syntax of the `regex` crate.
//!
//! Nothing is copied through: each item is read as PCRE reads it (pcrepattern(3), without UTF mode) and
//! written so that `regex`, with Unicode off, reads the same. What has no equal in linear time is refused.
//! The traps this is for: `\<` is `<` and not a word boundary, `\v` is a set and not one byte, `[a&&b]`,
//! `[[a]b]`, `[a--b]` have no set operations, `a*+` is possessive, `x{,3}` is literal, `\x{e9}` is a byte.

mod bracket;
mod escape;
mod group;

use std::fmt::Write as _;
use std::ops::Range;

use super::set::Set;
use crate::operator::OperatorError;

pub(in crate::operator::rx) use escape::{Escape, unknown_escape};

/// A pattern for `regex`, and where each part of it came from.
#[derive(Debug, Default)]
pub struct Rewritten {
    /// The pattern.
    pub pattern: String,
    /// Offsets of items: in `pattern`, in the original. Ascending.
    marks: Vec<(usize, usize)>,
}

impl Rewritten {
    /// Where in the original that part of the pattern was.
    #[must_use]
    pub fn origin(&self, span: Range<usize>, original: &str) -> Range<usize> {
        let start = self.marks.partition_point(|(written, _)| *written <= span.start);
        let start = start.checked_sub(1).and_then(|at| self.marks.get(at)).map_or(0, |(_, read)| *read);
        let end = self.marks.partition_point(|(written, _)| *written < span.end.max(span.start + 1));
        let end = self.marks.get(end).map_or(original.len(), |(_, read)| *read);
        start..end.max(start)
    }
}

/// Rewrites a Perl-compatible pattern for `regex` with Unicode off.
///
/// # Errors
/// `unsupported-regex`: it cannot be matched in linear time, or PCRE itself would not take it. Patterns
/// with unbalanced groups come through, for `regex` to refuse.
pub fn rewrite(pattern: &str) -> Result<Rewritten, OperatorError> {
    let mut rewriter = Rewriter::new(pattern);
    while let Some(next) = rewriter.peek() {
        rewriter.mark();
        rewriter.item(next)?;
    }
    Ok(rewriter.out)
}

/// A position in a pattern, and what was written of it so far. The bounded matcher reads with it too.
pub(in crate::operator::rx) struct Rewriter<'p> {
    pub(in crate::operator::rx) text: &'p str,
    pub(in crate::operator::rx) at: usize,
    out: Rewritten,
    /// Whether spaces and comments are left out (`(?x)`), here and around each open group.
    extended: bool,
    outer: Vec<bool>,
    /// Whether `(?U)` was seen, which turns greed around.
    ungreedy: bool,
    last: Last,
}

/// What a quantifier would repeat.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Item,
    Quantifier,
}

impl<'p> Rewriter<'p> {
    pub(in crate::operator::rx) fn new(text: &'p str) -> Self {
        Self {
            text,
            at: 0,
            out: Rewritten::default(),
            extended: false,
            outer: Vec::new(),
            ungreedy: false,
            last: Last::Nothing,
        }
    }

    fn item(&mut self, next: char) -> Result<(), OperatorError> {
        match next {
            '\\' => self.escape_outside(),
            '[' => self.class(),
            '(' => self.open(),
            ')' => {
                self.extended = self.outer.pop().unwrap_or(self.extended);
                self.verbatim(1, Last::Item);
                Ok(())
            }
            '|' => {
                self.verbatim(1, Last::Nothing);
                Ok(())
            }
            '.' | '^' | '$' => {
                self.verbatim(1, Last::Item);
                Ok(())
            }
            '*' | '+' | '?' => self.quantifier(1),
            '{' if self.counted().is_some() => self.quantifier(self.counted().unwrap_or(1)),
            '#' if self.extended => {
                self.at = self.rest().find('\n').map_or(self.text.len(), |end| self.at + end + 1);
                Ok(())
            }
            _ if self.extended && (next.is_ascii_whitespace() || next == '\x0b') => {
                self.at += 1;
                Ok(())
            }
            _ => {
                self.at += next.len_utf8();
                self.literal(next);
                Ok(())
            }
        }
    }

    pub(in crate::operator::rx) fn rest(&self) -> &'p str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(in crate::operator::rx) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(in crate::operator::rx) fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn mark(&mut self) {
        self.out.marks.push((self.out.pattern.len(), self.at));
    }

    /// Writes the next bytes, which are ASCII, as they are.
    fn verbatim(&mut self, length: usize, last: Last) {
        self.out.pattern.push_str(self.rest().get(..length).unwrap_or_default());
        self.at += length;
        self.last = last;
    }

    /// Writes a character as its bytes; a quantifier repeats the last of them.
    fn literal(&mut self, literal: char) {
        literal.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| self.byte(byte));
    }

    fn byte(&mut self, byte: u8) {
        let literal = char::from(byte);
        if !literal.is_ascii_graphic() && literal != ' ' {
            let _ = write!(self.out.pattern, "\\x{byte:02X}");
        } else {
            if regex_syntax::is_meta_character(literal) {
                self.out.pattern.push('\\');
            }
            self.out.pattern.push(literal);
        }
        self.last = Last::Item;
    }

    fn set(&mut self, set: &Set, negated: bool) {
        set.write(negated, &mut self.out.pattern);
        self.last = Last::Item;
    }

    /// Whether nothing more can be matched in this branch: only groups close before the end of the pattern
    /// or of its outermost alternative.
    fn is_tail(&self) -> bool {
        let after = self.rest().trim_start_matches(')');
        after.is_empty() || (after.starts_with('|') && self.rest().len() - after.len() >= self.outer.len())
    }

    /// The length of `{n}`, `{n,}` or `{n,m}`; every other `{` is literal.
    pub(in crate::operator::rx) fn counted(&self) -> Option<usize> {
        let rest = self.rest();
        let inside = rest.strip_prefix('{')?.split_once('}')?.0;
        let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        (!least.is_empty() && digits(least) && digits(most)).then_some(inside.len() + 2)
    }

    fn quantifier(&mut self, length: usize) -> Result<(), OperatorError> {
        let span = self.at..self.at + length;
        match self.last {
            Last::Nothing => Err(invalid(span, "there is nothing before the quantifier to repeat")),
            Last::Quantifier => Err(unsupported(span, "a quantifier repeats a quantifier")
                .help("put what is repeated in a group, as in `(?:a{2})+`")),
            Last::Item => {
                self.verbatim(length, Last::Quantifier);
                if self.rest().starts_with('?') {
                    self.verbatim(1, Last::Quantifier);
                } else if self.eat("+") && (self.ungreedy || !self.is_tail()) {
                    return Err(unsupported(
                        span.start..span.end + 1,
                        "a possessive quantifier needs backtracking",
                    )
                    .help("leave out the second `+`, and exclude from the item what follows it"));
                }
                Ok(())
            }
        }
    }

    /// A refusal of the next `length` bytes.
    pub(in crate::operator::rx) fn refuse(&self, length: usize, why: &str) -> OperatorError {
        let end = (self.at + length).min(self.text.len());
        let end = (end..=self.text.len()).find(|end| self.text.is_char_boundary(*end)).unwrap_or(end);
        unsupported(self.at..end, why)
    }
}

pub(in crate::operator::rx) fn unsupported(span: Range<usize>, why: &str) -> OperatorError {
    OperatorError::new("unsupported-regex", why).at(span)
}

pub(in crate::operator::rx) fn invalid(span: Range<usize>, why: &str) -> OperatorError {
    OperatorError::new("invalid-regex", why).at(span)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::bytes::RegexBuilder;

    use super::*;

    #[test]
    fn rewrites() {
        for (pattern, rewritten) in [
            (r"(?i)\bselect\s+.*?from$", r"(?i)\bselect\s+.*?from$"),
            (r"\x{e9}\xe9\x4\x", r"\xE9\xE9\x04\x00"),
            ("é+", r"\xC3\xA9+"),
            (r"\é", r"\xC3\xA9"),
            (r"\/\<\>\'\_", "/<>'_"),
            (r"\-\.\#", r"\-\.\#"),
            (r"\a\e\f\n\r\t", r"\x07\x1B\x0C\x0A\x0D\x09"),
            (r"\0\012\07\o{101}\11", r"\x00\x0A\x07A\x09"),
            (r"\cA\cz\c[", r"\x01\x1A\x1B"),
            (r"\h\v\N", r"[\x09\x20\xA0][\x0A-\x0D\x85][\x00-\x09\x0B-\xFF]"),
            (r"\Qa.b\E+\Q*", r"a\.b+\*"),
            (r"a\E", "a"),
            (r"\Cx", "(?s:.)x"),
            (r"(?:a|b\Z)", r"(?:a|b\n?\z)"),
            (r"a\Z|b\Z", r"a\n?\z|b\n?\z"),
            ("a(?#comment)*", "a*"),
            ("(?x) a b # c\n [ d] (?-x) e", r"ab[\x20d] e"),
            ("((?x) a ) b", "(a) b"),
            ("(?x:a b) c", "(?:ab) c"),
            ("(?ix-s)a b", "(?i-s)ab"),
            ("(?<n>a)(?'m'b)(?P<o>c)", "(?P<n>a)(?P<m>b)(?P<o>c)"),
            ("{a{,3}b{1,2}c{2}?d{3,}", r"\{a\{,3\}b{1,2}c{2}?d{3,}"),
            ("a]b}", r"a\]b\}"),
            ("(a++)", "(a+)"),
            ("[]a]", r"[\x5Da]"),
            ("[^]a]", r"[^\x5Da]"),
            ("[[a]b]", r"[\x5Ba]b\]"),
            ("[a&&b]", r"[\x26ab]"),
            ("[+--c~~]", r"[\x2B-\x2Dc\x7E]"),
            (r"[\w-.]", r"[\x2D\x2E0-9A-Z_a-z]"),
            (r"[a-\d]", r"[\x2D0-9a]"),
            (r"[\b\n\-\]]", r"[\x08\x0A\x2D\x5D]"),
            (r"[\x{bc}-\x{be}é]", r"[\xA9\xBC-\xBE\xC3]"),
            (r"[\1\012]", r"[\x01\x0A]"),
            ("[[:digit:][:^ascii:]x]", r"[0-9x\x80-\xFF]"),
            ("[[=<>]=]", r"[\x3C-\x3E\x5B]=\]"),
            ("[[:digit]", r"[\x3A\x5Bdgit]"),
            (r"[\Q]^\E-]", r"[\x2D\x5D\x5E]"),
            (r"[^\s\S]", r"[^\x00-\xFF]"),
            (r"[^\d\D]", r"[^\x00-\xFF]"),
        ] {
            let found = rewrite(pattern).map(|rewritten| rewritten.pattern);
            assert_eq!(found.as_deref(), Ok(rewritten), "{pattern}");
            assert!(compiles(rewritten), "{pattern}");
        }
    }

    #[test]
    fn refuses() {
        for (pattern, code, span) in [
            ("a(?=b)", "unsupported-regex", 1..4),
            ("(?<!b)a", "unsupported-regex", 0..3),
            (r"(a)\1", "unsupported-regex", 3..5),
            (r"(a)\g{1}", "unsupported-regex", 3..5),
            (r"a\k<n>", "unsupported-regex", 1..3),
            ("a*+b", "unsupported-regex", 1..3),
            ("(?:a++|b)", "unsupported-regex", 4..6),
            ("(?U)a++", "unsupported-regex", 5..7),
            ("a{2}{3}", "unsupported-regex", 4..7),
            ("a**", "unsupported-regex", 2..3),
            ("(?x)a+ ?", "unsupported-regex", 7..8),
            ("(?>a)", "unsupported-regex", 0..3),
            ("(?|a)", "unsupported-regex", 0..3),
            ("(?R)", "unsupported-regex", 0..3),
            ("(?u)a", "unsupported-regex", 0..3),
            ("(*UTF8)a", "unsupported-regex", 0..2),
            (r"\Za", "unsupported-regex", 0..2),
            (r"a\R", "unsupported-regex", 1..3),
            (r"a\Kb", "unsupported-regex", 1..3),
            (r"\p{L}", "unsupported-regex", 0..2),
            (r"\u{41}", "unsupported-regex", 0..2),
            (r"\x{2019}", "unsupported-regex", 0..8),
            (r"\777", "unsupported-regex", 0..4),
            ("[:alpha:]", "unsupported-regex", 0..9),
            ("[[.a.]]", "unsupported-regex", 1..3),
            ("[à-ö]", "unsupported-regex", 3..4),
            ("[a-ö]", "unsupported-regex", 2..5),
            (r"[\R]", "unsupported-regex", 1..3),
            ("[[:nothing:]]", "invalid-regex", 1..12),
            ("[z-a]", "invalid-regex", 2..4),
            ("[a", "invalid-regex", 0..2),
            ("[]", "invalid-regex", 0..2),
            ("*a", "invalid-regex", 0..1),
            (r"a\", "invalid-regex", 1..2),
            (r"\x{zz}", "invalid-regex", 0..6),
            ("(?#a", "invalid-regex", 0..4),
            ("(?<1>a)", "invalid-regex", 0..3),
        ] {
            let error = rewrite(pattern).expect_err(pattern);
            assert_eq!((error.code, error.span), (code, Some(span)), "{pattern}");
        }
    }

    fn compiles(pattern: &str) -> bool {
        RegexBuilder::new(pattern).unicode(false).build().is_ok()
    }

    proptest! {
        #[test]
        fn no_panic_on_any_pattern(pattern in ".{0,40}") {
            let _ = rewrite(&pattern);
        }

        /// From the pieces that patterns are made of.
        #[test]
        fn what_is_rewritten_compiles(
            pattern in r"(a|é|\\[xdQEZb0-9c]|[|.^$*+?{}\[\]()#: ,3-]|\(\?[ix:<#]|\[\^?|\[:alpha:\]){0,12}",
        ) {
            if let Ok(rewritten) = rewrite(&pattern) {
                let groups = rewritten.pattern.matches(['(', ')']).count();
                prop_assert!(groups > 0 || compiles(&rewritten.pattern), "{} -> {}", pattern, rewritten.pattern);
            }
        }

        #[test]
        fn literals_mean_themselves(text in r"[ -~é]{0,20}") {
            let quoted = rewrite(&format!("^{}$", regex::escape(&text))).unwrap();
            let regex = RegexBuilder::new(&quoted.pattern).unicode(false).build().unwrap();
            prop_assert!(regex.is_match(text.as_bytes()));
        }
    }
}
