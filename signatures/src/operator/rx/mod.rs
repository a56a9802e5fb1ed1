//! `@rx`, `@rxGlobal`: a regular expression matches the value.
//!
//! The argument is a Perl-compatible pattern. Values are bytes: no Unicode, `.` matches every byte, `$` only
//! the end of the value, `(?i)` folds ASCII. What can be matched in linear time is given to `regex`
//! ([`rewrite()`]); patterns with look-around, back-references, possessive quantifiers or atomic groups go to
//! a matcher of our own ([`bounded`]), which says so when its [`Budget`] does not last. What neither can do
//! is refused at load with the place, never read otherwise.
//!
//! Macros are replaced as ModSecurity replaces them: by their text, which is a part of the pattern
//! (`^%{tx.allowed_charset}$`, CRS 920480). Such a pattern is tried at load with `x` for each macro, and
//! compiled for each value, up to [`EXPANDED_BYTES_MAX`] bytes; one that is longer or wrong matches nothing
//! and counts as a budget exceeded.
//!
//! With `capture`, `TX:0` becomes the match and `TX:1` to `TX:9` its groups; `@rxGlobal` goes on and appends
//! the groups of later matches.
//!
//! ```text
//! SecRule REQUEST_HEADERS:User-Agent "@rx (?i)nikto/([\d.]+)" "id:1000,phase:1,capture,deny,logdata:'%{tx.1}'"
//! ```
//! ModSecurity reference v3, "Operators", `rx`, `rxGlobal`.

mod bounded;
mod linear;
mod rewrite;
mod set;

use std::ops::Range;
use std::sync::Arc;

use regex_automata::meta::BuildError;
use regex_automata::util::captures::Captures as Groups;
use regex_syntax::ast::Ast;
use regex_syntax::hir::Hir;

use super::{Captures, OperatorError};
use crate::prefilter::Needs;
use crate::{Resolve, Text, Variable};
use bounded::{Exhausted, Hit, Program};
use linear::Linear;

pub use bounded::Budget;
pub use rewrite::{Rewritten, rewrite};

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Rx {
    matcher: Matcher,
    pattern: Box<str>,
}

/// What a pattern is matched with.
#[derive(Clone, Debug)]
enum Matcher {
    /// `^.*$` and the like: the whole of any value.
    Whole,
    Linear(Arc<Linear>),
    Bounded(Box<Program>),
    /// Has macros.
    Expanded(Text),
}

impl Rx {
    pub(crate) fn compile(argument: &str) -> Result<Self, OperatorError> {
        let matcher = match Text::parse(argument) {
            _ if WHOLE.contains(&argument) => Matcher::Whole,
            Ok(text) if text.as_literal().is_none() => expanded(text)?,
            _ => literal(argument)?,
        };
        Ok(Self { matcher, pattern: argument.into() })
    }

    /// The pattern as the rule spells it.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Whether the pattern is matched in linear time, without a budget.
    #[must_use]
    pub fn is_linear(&self) -> bool {
        matches!(self.matcher, Matcher::Linear(_) | Matcher::Whole)
    }

    /// Whether the pattern matches the whole of any value.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.matcher, Matcher::Whole)
    }

    /// The pattern, when it has macros.
    pub(super) fn expanded(&self) -> Option<&Text> {
        match &self.matcher {
            Matcher::Expanded(text) => Some(text),
            _ => None,
        }
    }

    /// The syntax of a pattern that is matched in linear time, as rewritten.
    pub(crate) fn syntax(&self) -> Option<(Rewritten, Ast)> {
        let rewritten = self.is_linear().then(|| rewrite(&self.pattern).ok())??;
        let ast = regex_syntax::ast::parse::Parser::new().parse(&rewritten.pattern).ok()?;
        Some((rewritten, ast))
    }

    /// What a pattern that is matched in linear time means.
    pub(crate) fn hir(&self) -> Option<Hir> {
        let rewritten = self.is_linear().then(|| rewrite(&self.pattern).ok())??;
        linear::parse(&rewritten.pattern).ok()
    }

    /// Builds what the pattern is matched with, unless it is there.
    pub(crate) fn build(&self) {
        if let Matcher::Linear(linear) = &self.matcher {
            linear.build();
        }
    }

    /// Works out what every value holds that the pattern matches, unless that is known.
    pub(super) fn work_out_needs(&self) {
        if let Matcher::Linear(linear) = &self.matcher {
            linear.needs();
        }
    }

    /// What every value holds that the pattern matches.
    pub(super) fn needs(&self) -> Needs {
        match &self.matcher {
            Matcher::Linear(linear) => linear.needs().clone(),
            Matcher::Whole | Matcher::Bounded(_) | Matcher::Expanded(_) => Needs::default(),
        }
    }

    pub(crate) fn find(
        &self,
        value: &[u8],
        resolve: &dyn Resolve,
        budget: &mut Budget,
        captures: Option<&mut Captures>,
    ) -> Option<Range<usize>> {
        match &self.matcher {
            Matcher::Whole => {
                captures.into_iter().for_each(|captures| captures.set(value));
                Some(0..value.len())
            }
            Matcher::Linear(linear) => find_linear(linear, value, captures),
            _ => self.with_program(resolve, budget, |program, budget| {
                let hit = search(program, value, 0, budget)?;
                if let Some(captures) = captures {
                    captures.clear();
                    push_hit(&hit, value, captures);
                }
                Some(hit.range)
            }),
        }
    }

    /// The first match that begins at `from` or later.
    pub(super) fn find_at(
        &self,
        value: &[u8],
        from: usize,
        resolve: &dyn Resolve,
        budget: &mut Budget,
    ) -> Option<Range<usize>> {
        match &self.matcher {
            _ if from > value.len() => None,
            Matcher::Whole => (from == 0).then_some(0..value.len()),
            Matcher::Linear(linear) => linear.find_at(value, from),
            _ => self.with_program(resolve, budget, |program, budget| {
                search(program, value, from, budget).map(|hit| hit.range)
            }),
        }
    }

    /// The first match; groups of all matches are captured, while there is room.
    pub(super) fn find_all(
        &self,
        value: &[u8],
        resolve: &dyn Resolve,
        budget: &mut Budget,
        captures: Option<&mut Captures>,
    ) -> Option<Range<usize>> {
        let Some(captures) = captures else { return self.find(value, resolve, budget, None) };
        match &self.matcher {
            Matcher::Whole => {
                captures.set(value);
                Some(0..value.len())
            }
            Matcher::Linear(linear) => find_all_linear(linear, value, captures),
            _ => self.with_program(resolve, budget, |program, budget| {
                find_all_bounded(program, value, budget, captures)
            }),
        }
    }

    /// Calls `search` with the program of a pattern that is not linear.
    fn with_program<T>(
        &self,
        resolve: &dyn Resolve,
        budget: &mut Budget,
        search: impl FnOnce(&Program, &mut Budget) -> Option<T>,
    ) -> Option<T> {
        match &self.matcher {
            Matcher::Whole | Matcher::Linear(_) => None,
            Matcher::Bounded(program) => search(program, budget),
            Matcher::Expanded(text) => match expand(text, resolve) {
                Some(program) => search(&program, budget),
                None => {
                    budget.exceed();
                    None
                }
            },
        }
    }
}

fn literal(argument: &str) -> Result<Matcher, OperatorError> {
    let rewritten = match rewrite(argument) {
        Ok(rewritten) => rewritten,
        Err(error) if error.code == "unsupported-regex" => {
            return Program::compile(argument).map(|program| Matcher::Bounded(Box::new(program)));
        }
        Err(error) => return Err(error),
    };
    Linear::shared(&rewritten.pattern)
        .map(Matcher::Linear)
        .map_err(|error| explain(&error, argument, &rewritten))
}

/// A pattern with macros, if it compiles with `x` for each.
fn expanded(text: Text) -> Result<Matcher, OperatorError> {
    let mut sample = Vec::new();
    text.expand(&Sample, &mut sample);
    Program::compile(&String::from_utf8_lossy(&sample))
        .map_err(|error| OperatorError { span: None, ..error })
        .map(|_| Matcher::Expanded(text))
}

/// Every macro is `x`.
struct Sample;

impl Resolve for Sample {
    fn resolve(&self, _: Variable, _: Option<&[u8]>, out: &mut Vec<u8>) {
        out.push(b'x');
    }
}

/// The program of a pattern with its macros replaced, unless it is too long or does not compile.
fn expand(text: &Text, resolve: &dyn Resolve) -> Option<Program> {
    let mut pattern = Vec::new();
    text.expand(resolve, &mut pattern);
    if pattern.len() > EXPANDED_BYTES_MAX {
        return None;
    }
    Program::compile(std::str::from_utf8(&pattern).ok()?).ok()
}

fn search(program: &Program, value: &[u8], from: usize, budget: &mut Budget) -> Option<Hit> {
    budget.lend(value.len(), |steps| program.find_at(value, from, steps)).unwrap_or_else(|Exhausted| {
        budget.exceed();
        None
    })
}

fn find_linear(linear: &Linear, value: &[u8], captures: Option<&mut Captures>) -> Option<Range<usize>> {
    let Some(captures) = captures else { return linear.find_at(value, 0) };
    let groups = linear.captures(value)?;
    captures.clear();
    push_groups(&groups, value, captures);
    groups.get_match().map(|found| found.range())
}

fn find_all_linear(linear: &Linear, value: &[u8], captures: &mut Captures) -> Option<Range<usize>> {
    let mut found = Captures::default();
    let first = linear.captures_all(value, MATCHES_MAX, |groups| push_groups(groups, value, &mut found))?;
    *captures = found;
    Some(first)
}

/// As `captures_iter` goes through a value: an empty match does not follow another at once.
fn find_all_bounded(
    program: &Program,
    value: &[u8],
    budget: &mut Budget,
    captures: &mut Captures,
) -> Option<Range<usize>> {
    let mut hit = search(program, value, 0, budget)?;
    let first = hit.range.clone();
    captures.clear();
    for _ in 0..MATCHES_MAX {
        push_hit(&hit, value, captures);
        let end = hit.range.end;
        let next = search(program, value, end.max(hit.range.start + 1), budget);
        let next = match next {
            Some(next) if next.range == (end..end) => search(program, value, end + 1, budget),
            next => next,
        };
        let Some(next) = next else { break };
        hit = next;
    }
    Some(first)
}

fn push_hit(hit: &Hit, value: &[u8], captures: &mut Captures) {
    captures.push(value.get(hit.range.clone()));
    for group in hit.groups.iter().take(MATCHES_MAX) {
        captures.push(group.clone().and_then(|group| value.get(group)));
    }
}

fn push_groups(groups: &Groups, value: &[u8], captures: &mut Captures) {
    for group in groups.iter().take(MATCHES_MAX) {
        captures.push(group.and_then(|group| value.get(group.range())));
    }
}

/// Patterns that match the whole of any value: `.` is every byte (CRS 920450, 921180).
const WHOLE: [&str; 2] = ["^.*$", "^.*"];
/// A pattern after its macros were replaced, at most (bytes).
const EXPANDED_BYTES_MAX: usize = 4 << 10;
/// `TX:0` to `TX:9`: more matches, or groups of one match, fill nothing.
const MATCHES_MAX: usize = 10;

/// Says why a rewritten pattern does not compile, in the rule's own terms.
fn explain(error: &BuildError, argument: &str, rewritten: &Rewritten) -> OperatorError {
    if let Some(limit) = error.size_limit() {
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
            ("(%{tx.word}", "invalid-regex", None),
            (r"(a)\2", "invalid-regex", Some(3..5)),
            (r"(?=a)\Kb", "unsupported-regex", Some(5..7)),
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
