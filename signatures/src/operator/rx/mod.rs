//! `@rx`, `@rxGlobal`: a regular expression matches the value.
//!
//! The argument is a Perl-compatible pattern as far as it can be matched in linear time: no lookaround, no
//! backreferences, no possessive quantifiers or atomic groups; what we do not have is refused at load with
//! the place, never read otherwise ([`rewrite()`]). Values are bytes: no Unicode, `.` matches every byte, `$`
//! only the end of the value, `(?i)` folds ASCII. A pattern is not a text: macros in it are refused, because
//! a pattern that depends on the request would have to be compiled for each one.
//!
//! With `capture`, `TX:0` becomes the match and `TX:1` to `TX:9` its groups; `@rxGlobal` goes on and appends
//! the groups of later matches.
//!
//! ```text
//! SecRule REQUEST_HEADERS:User-Agent "@rx (?i)nikto/([\d.]+)" "id:1000,phase:1,capture,deny,logdata:'%{tx.1}'"
//! ```
//! ModSecurity reference v3, "Operators", `rx`, `rxGlobal`.

mod rewrite;
mod set;

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

use super::{Captures, OperatorError};
use crate::Text;

pub use rewrite::{Rewritten, rewrite};

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Rx {
    regex: Regex,
    pattern: Box<str>,
}

impl Rx {
    pub(super) fn compile(argument: &str) -> Result<Self, OperatorError> {
        if Text::parse(argument).is_ok_and(|text| text.as_literal().is_none()) {
            return Err(OperatorError::new(
                "unsupported-regex",
                "macros are not replaced in a regular expression",
            )
            .help("compare with `@streq`, `@contains` or `@within`, which take macros"));
        }
        let rewritten = rewrite(argument)?;
        let regex = RegexBuilder::new(&rewritten.pattern)
            .unicode(false)
            .dot_matches_new_line(true)
            .size_limit(NFA_BYTES_MAX)
            .dfa_size_limit(DFA_BYTES_MAX)
            .build()
            .map_err(|error| explain(&error, argument, &rewritten))?;
        Ok(Self { regex, pattern: argument.into() })
    }

    /// The pattern as the rule spells it.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The compiled pattern; its `as_str` is the rewritten one.
    #[must_use]
    pub fn regex(&self) -> &Regex {
        &self.regex
    }

    pub(super) fn find(&self, value: &[u8], captures: Option<&mut Captures>) -> Option<Range<usize>> {
        if !self.regex.is_match(value) {
            return None;
        }
        let Some(captures) = captures else { return self.find_at(value, 0) };
        let groups = self.regex.captures(value)?;
        captures.clear();
        push_groups(&groups, captures);
        groups.get(0).map(|found| found.range())
    }

    /// The first match that begins at `from` or later.
    pub(super) fn find_at(&self, value: &[u8], from: usize) -> Option<Range<usize>> {
        if from > value.len() {
            return None;
        }
        self.regex.find_at(value, from).map(|found| found.range())
    }

    /// The first match; groups of all matches are captured, while there is room.
    pub(super) fn find_all(&self, value: &[u8], captures: Option<&mut Captures>) -> Option<Range<usize>> {
        let first = self.find(value, None)?;
        if let Some(captures) = captures {
            captures.clear();
            for groups in self.regex.captures_iter(value).take(MATCHES_MAX) {
                push_groups(&groups, captures);
            }
        }
        Some(first)
    }
}

fn push_groups(groups: &regex::bytes::Captures<'_>, captures: &mut Captures) {
    for group in groups.iter().take(MATCHES_MAX) {
        captures.push(group.map(|group| group.as_bytes()));
    }
}

/// The most memory a compiled pattern may take, in bytes.
const NFA_BYTES_MAX: usize = 32 << 20;
/// The most memory its lazily built automaton may take, in bytes.
const DFA_BYTES_MAX: usize = 8 << 20;
/// `TX:0` to `TX:9`: more matches, or groups of one match, fill nothing.
const MATCHES_MAX: usize = 10;

/// Says why a rewritten pattern does not compile, in the rule's own terms.
fn explain(error: &regex::Error, argument: &str, rewritten: &Rewritten) -> OperatorError {
    if let regex::Error::CompiledTooBig(limit) = error {
        return OperatorError::new(
            "regex-too-large",
            format!("the pattern compiles to more than {} MB", limit >> 20),
        )
        .help("lower the counts in `{n,m}`");
    }
    let (why, span) = syntax_error(&rewritten.pattern);
    let error = OperatorError::new("invalid-regex", why);
    match span {
        Some(span) => error.at(rewritten.origin(span, argument)),
        None => error,
    }
}

/// What the parser says, which `regex` itself only gives as a drawing.
fn syntax_error(pattern: &str) -> (String, Option<Range<usize>>) {
    let parsed = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern);
    let place = |span: &regex_syntax::ast::Span| Some(span.start.offset..span.end.offset);
    match parsed {
        Err(regex_syntax::Error::Parse(error)) => (error.kind().to_string(), place(error.span())),
        Err(regex_syntax::Error::Translate(error)) => (error.kind().to_string(), place(error.span())),
        _ => ("the pattern does not compile".to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{captured, check, refusal};

    #[test]
    fn matches() {
        check(
            "rx",
            &[
                ("(?i)select", "a SELECT b", Some("SELECT")),
                ("^a.b$", "a\nb", Some("a\nb")),
                ("a$", "a\n", None),
                ("^b", "a\nb", None),
                ("", "x", Some("")),
                (r"\x{e2}\x{80}\x99", "it\u{2019}s", Some("\u{2019}")),
            ],
        );
    }

    #[test]
    fn captures_groups() {
        let groups = |name, pattern, value| captured(name, pattern, value);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(groups("rx", "(a)(x)?(b)", "abab"), [some("ab"), some("a"), None, some("b")]);
        assert_eq!(
            groups("rxGlobal", "(a)(x)?b", "abaxb"),
            [some("ab"), some("a"), None, some("axb"), some("a"), some("x")]
        );
        assert_eq!(groups("rx", "(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)", "abcdefghijk").len(), 10);
        assert!(groups("rx", "z", "abc").is_empty());
    }

    #[test]
    fn errors_point_into_the_pattern() {
        for (pattern, code, span) in [
            ("%{tx.word}", "unsupported-regex", None),
            ("abc(def", "invalid-regex", Some(3..4)),
            (r"\x{41}\x{42}(", "invalid-regex", Some(12..13)),
            ("a)", "invalid-regex", Some(1..2)),
            (r"((((\w{999}){999}){999}){999})", "regex-too-large", None),
        ] {
            let error = refusal("rx", pattern);
            assert_eq!((error.code, error.span), (code, span), "{pattern}");
        }
    }
}
