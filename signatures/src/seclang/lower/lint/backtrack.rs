//! `regex-exponential`, `regex-quadratic`, `regex-bounded`: patterns that cost an engine that backtracks dearly.
//!
//! Here matching is linear, or within a budget; but rules are shared. A pattern is quadratic when two repeats
//! without bound can take the same bytes, nothing between them stops that, and what follows can fail: the
//! engine then tries each way to divide the bytes. It is exponential when one of these repeats repeats the
//! other.

use std::ops::Range;

use regex_syntax::ast::{Ast, RepetitionKind, RepetitionRange};
use regex_syntax::hir::translate::TranslatorBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::super::draft::Written;
use super::never::can_match;
use super::{pattern, shown};
use crate::operator::{Rx, rewrite};
use crate::prefilter::ByteSet;
use crate::{Diagnostic, Link};

pub(super) fn check(link: &Link, written: &Written, out: &mut Vec<Diagnostic>) {
    let Some(rx) = pattern(link) else { return };
    let argument = &written.operator.argument;
    let Some((rewritten, ast)) = rx.syntax() else { return bounded(rx, written, out) };
    let mut search = Search { pattern: &rewritten.pattern, quadratic: None, exponential: None };
    search.walk(&ast, false, false);
    let place = |span: &Range<usize>| argument.location_of(rewritten.origin(span.clone(), rx.pattern()));
    if let Some((span, byte)) = &search.exponential {
        out.push(
            Diagnostic::note(
                "regex-exponential",
                "the pattern takes exponential time where engines backtrack",
            )
            .at(place(span), format!("repeats what repeats {} itself", shown(*byte)))
            .help("let one of the two repeat: `(?:a+)+` is `a+`".to_owned()),
        );
    } else if let Some((first, second, byte)) = &search.quadratic {
        out.push(
            Diagnostic::note("regex-quadratic", "the pattern takes quadratic time where engines backtrack")
                .at(place(second), format!("both take {}", shown(*byte)))
                .related(place(first), "the first of two repeats")
                .help(
                    "give one of them a bound (`{0,99}`), or a set without what the other takes".to_owned(),
                ),
        );
    }
}

/// Look-around, back-references and their like, which the linear matcher does not do.
fn bounded(rx: &Rx, written: &Written, out: &mut Vec<Diagnostic>) {
    let Some(error) = rewrite(rx.pattern()).err().filter(|error| error.code == "unsupported-regex") else {
        return;
    };
    let argument = &written.operator.argument;
    let place = error.span.map_or_else(|| argument.location(), |span| argument.location_of(span));
    out.push(
        Diagnostic::note(
            "regex-bounded",
            "the pattern is matched within a budget of steps, not in linear time",
        )
        .at(place, "only a matcher that backtracks does this")
        .help(
            "a value that needs more counts as a limit reached, and `on_limit` of the policy decides"
                .to_owned(),
        ),
    );
}

/// What was found in a pattern, by spans of the rewritten one.
struct Search<'p> {
    pattern: &'p str,
    /// Both repeats, and a byte that both take.
    quadratic: Option<(Range<usize>, Range<usize>, u8)>,
    exponential: Option<(Range<usize>, u8)>,
}

/// One of the parts that a pattern has one after the other.
struct Part<'a> {
    ast: &'a Ast,
    hir: Hir,
    /// What a repeat without bound of single bytes takes.
    run: Option<ByteSet>,
}

impl Part<'_> {
    fn matches_only(&self, byte: u8) -> bool {
        can_match(&self.hir, ByteSet::of(&[byte]))
    }

    fn may_fail(&self) -> bool {
        let properties = self.hir.properties();
        properties.minimum_len() > Some(0) || !properties.look_set().is_empty()
    }

    /// Whether it fails where there is nothing but this byte, or at its end.
    fn fails_at(&self, byte: u8) -> bool {
        !self.matches_only(byte) || !self.hir.properties().look_set().is_empty()
    }

    fn span(&self) -> Range<usize> {
        let span = self.ast.span();
        span.start.offset..span.end.offset
    }
}

impl Search<'_> {
    /// `tail`: whether what follows can fail. `repeated`: whether the same may follow once more.
    fn walk(&mut self, ast: &Ast, tail: bool, repeated: bool) {
        let mut asts = Vec::new();
        flatten(ast, &mut asts);
        let parts: Vec<Part<'_>> = asts.into_iter().filter_map(|ast| self.part(ast)).collect();
        self.pairs(&parts, tail);
        if repeated && tail {
            self.pair_of_rounds(&parts);
        }
        for (at, part) in parts.iter().enumerate() {
            let tail = tail || parts[at + 1..].iter().any(Part::may_fail);
            match part.ast {
                Ast::Alternation(choice) => {
                    let repeated = repeated && parts.len() == 1;
                    choice.asts.iter().for_each(|branch| self.walk(branch, tail, repeated));
                }
                Ast::Repetition(repetition) if part.run.is_none() => {
                    let endless = is_endless(&repetition.op.kind);
                    if endless && tail {
                        self.nested(&repetition.ast, part.span());
                    }
                    self.walk(&repetition.ast, tail, endless);
                }
                _ => {}
            }
        }
    }

    fn part<'a>(&self, ast: &'a Ast) -> Option<Part<'a>> {
        let mut translator =
            TranslatorBuilder::new().unicode(false).utf8(false).dot_matches_new_line(true).build();
        let hir = translator.translate(self.pattern, ast).ok()?;
        let run = match hir.kind() {
            HirKind::Repetition(repetition) if repetition.max.is_none() => bytes_of(&repetition.sub),
            _ => None,
        };
        Some(Part { ast, hir, run })
    }

    /// Two repeats with nothing between that keeps them apart.
    fn pairs(&mut self, parts: &[Part<'_>], tail: bool) {
        for (at, first) in parts.iter().enumerate() {
            let Some(mut shared) = first.run else { continue };
            for (end, second) in parts.iter().enumerate().skip(at + 1) {
                let rest = &parts[end + 1..];
                let overlap = second.run.map_or(ByteSet::EMPTY, |run| run.intersection(shared));
                let fails = |byte: &u8| tail || rest.iter().any(|part| part.fails_at(*byte));
                if let Some(byte) = visible_first(overlap).find(fails) {
                    let _ = self.quadratic.get_or_insert((first.span(), second.span(), byte));
                }
                shared = shared.iter().filter(|byte| second.matches_only(*byte)).collect();
                if shared.is_empty() {
                    break;
                }
            }
        }
    }

    /// The same, where the second repeat is of the next round of a loop.
    fn pair_of_rounds(&mut self, parts: &[Part<'_>]) {
        for (at, first) in parts.iter().enumerate().filter(|(_, part)| part.run.is_some()) {
            for (end, second) in parts.iter().enumerate().take(at + 1) {
                let overlap = first.run.unwrap_or_default().intersection(second.run.unwrap_or_default());
                let between = || parts[at + 1..].iter().chain(&parts[..end]);
                if let Some(byte) =
                    visible_first(overlap).find(|byte| between().all(|it| it.matches_only(*byte)))
                {
                    let _ = self.quadratic.get_or_insert((first.span(), second.span(), byte));
                }
            }
        }
    }

    /// A repeat of something that can be nothing but a repeat.
    fn nested(&mut self, repeated: &Ast, span: Range<usize>) {
        let mut asts = Vec::new();
        flatten(repeated, &mut asts);
        if let [Ast::Alternation(choice)] = asts.as_slice() {
            return choice.asts.iter().for_each(|branch| self.nested(branch, span.clone()));
        }
        let parts: Vec<Part<'_>> = asts.into_iter().filter_map(|ast| self.part(ast)).collect();
        for (at, part) in parts.iter().enumerate() {
            let others = || parts.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, part)| part);
            let byte = visible_first(part.run.unwrap_or_default())
                .find(|byte| others().all(|it| it.matches_only(*byte)));
            if let Some(byte) = byte {
                let _ = self.exponential.get_or_insert((span.clone(), byte));
            }
        }
    }
}

/// The parts that stand one after the other, through groups that are not repeated.
fn flatten<'a>(ast: &'a Ast, out: &mut Vec<&'a Ast>) {
    match ast {
        Ast::Concat(concat) => concat.asts.iter().for_each(|ast| flatten(ast, out)),
        Ast::Group(group) => flatten(&group.ast, out),
        Ast::Empty(_) | Ast::Flags(_) => {}
        _ => out.push(ast),
    }
}

fn is_endless(kind: &RepetitionKind) -> bool {
    matches!(
        kind,
        RepetitionKind::ZeroOrMore
            | RepetitionKind::OneOrMore
            | RepetitionKind::Range(RepetitionRange::AtLeast(_))
    )
}

/// The bytes of what matches single bytes.
fn bytes_of(hir: &Hir) -> Option<ByteSet> {
    match hir.kind() {
        HirKind::Literal(text) => <[u8; 1]>::try_from(&*text.0).ok().map(|byte| ByteSet::of(&byte)),
        HirKind::Class(Class::Bytes(class)) => {
            Some(class.iter().fold(ByteSet::EMPTY, |set, range| set.with_range(range.start(), range.end())))
        }
        HirKind::Capture(capture) => bytes_of(&capture.sub),
        _ => None,
    }
}

/// Bytes that people can read come first.
fn visible_first(bytes: ByteSet) -> impl Iterator<Item = u8> {
    let is_visible = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b' ';
    let (visible, others): (Vec<u8>, Vec<u8>) = bytes.iter().partition(is_visible);
    visible.into_iter().chain(others)
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_rule;

    #[test]
    fn finds_what_backtracks() {
        for (pattern, expected) in [
            ("a+b", ""),
            ("a*a*", ""),
            ("a*a*B", "regex-quadratic"),
            ("a*b*C", ""),
            ("a*(?:b?)a*C", "regex-quadratic"),
            ("a*b?a*C", "regex-quadratic"),
            ("a*ba*C", ""),
            (".*x.*Y", "regex-quadratic"),
            (".*x.*", ""),
            (".*.", ""),
            ("\\s+\\s*$", "regex-quadratic"),
            ("[^,]*,[^,]*,X", ""),
            ("(?:\\s*A\\s*)*", ""),
            ("(?:\\s*A\\s*)*B", "regex-quadratic"),
            ("(a+)+", ""),
            ("(a+)+B", "regex-exponential"),
            ("(?:a+b?)*$", "regex-exponential"),
            ("(?:a+b)*$", ""),
            ("(?:x|a+)*B", "regex-exponential"),
            ("(?:x|a*a*B)C", "regex-quadratic"),
            ("(?=a)B", "regex-bounded"),
            ("a{1,9}a{1,9}B", ""),
        ] {
            let expected: Vec<_> = expected.split_terminator(',').collect();
            check_rule(("REQUEST_LINE", &format!("@rx {pattern}"), ""), &expected);
        }
    }
}
