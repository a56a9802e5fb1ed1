//! `never-matches`, `always-matches`: a test whose answer is known before any traffic.

use std::ops::Range;

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::super::draft::Written;
use super::{literal, pattern, shown};
use crate::operator::{ByteRange, Comparison, Number, Operator};
use crate::prefilter::ByteSet;
use crate::transformation::Transformation;
use crate::{Diagnostic, Link};

pub(super) fn check(link: &Link, written: &Written, out: &mut Vec<Diagnostic>) {
    let Some(why) = never(link) else { return always(link, written, out) };
    let (code, title) = match link.negated {
        false => ("never-matches", "the rule never matches"),
        true => ("always-matches", "the test always matches"),
    };
    let argument = &written.operator.argument;
    let place = match (why.span, &written.operator.name) {
        (Some(span), _) if span.end <= argument.as_str().len() => argument.location_of(span),
        (_, Some(name)) if argument.is_empty() => name.location(),
        _ => argument.location(),
    };
    out.push(Diagnostic::warning(code, title).at(place, why.label).help(why.help));
}

/// Why nothing matches.
struct Never {
    /// Where in the argument.
    span: Option<Range<usize>>,
    label: String,
    help: Option<String>,
}

impl Never {
    fn new(label: impl Into<String>, help: &str) -> Self {
        Self { span: None, label: label.into(), help: Some(help.to_owned()) }
    }
}

fn never(link: &Link) -> Option<Never> {
    match &link.operator {
        Operator::Compare(comparison, Number::Fixed(number)) => negative(link, *comparison, *number),
        Operator::Pm(phrases) => {
            let alphabet = alphabet(link)?.without_case();
            let mut strangers =
                phrases.phrases().map(|phrase| stranger(phrase, alphabet).map(|(_, byte)| byte));
            let first = strangers.next()??;
            strangers.all(|stranger| stranger.is_some()).then(|| without(link, first, None))
        }
        Operator::Within(list) if list.as_literal().is_some_and(<[u8]>::is_empty) => {
            Some(Never::new("only the empty value is within nothing", "list what the value may be"))
        }
        Operator::ValidateByteRange(allowed) if allows_all(allowed) => Some(Never::new(
            "every byte is allowed",
            "allow fewer bytes, as in `@validateByteRange 10,13,32-126`",
        )),
        _ => match (literal(link), pattern(link)) {
            (Some(text), _) => {
                let (at, byte) = stranger(text, alphabet(link)?)?;
                Some(without(link, byte, std::str::from_utf8(text).is_ok().then_some(at..at + 1)))
            }
            (None, Some(rx)) => match dead(&rx.hir()?, alphabet(link)?)? {
                Dead::Anchor => Some(Never::new(
                    "something must stand before `^` or after `$` here",
                    "write `\\^` or `\\$` for the character itself",
                )),
                Dead::Byte(byte) => {
                    let at = rx.pattern().find(char::from(byte)).filter(|_| byte.is_ascii());
                    Some(without(link, byte, at.map(|at| at..at + 1)))
                }
                Dead::Class => Some(Never::new(
                    "a set of characters here has none that the value can hold",
                    "look at the transformations: each pattern sees what they leave",
                )),
            },
            (None, None) => None,
        },
    }
}

/// `@lt 0` of what is a number of things.
fn negative(link: &Link, comparison: Comparison, number: i64) -> Option<Never> {
    let counts = link.targets.iter().all(|target| target.count)
        || link.transformations.last() == Some(&Transformation::Length);
    let below = match comparison {
        Comparison::Eq | Comparison::Le => number < 0,
        Comparison::Lt => number <= 0,
        Comparison::Ge | Comparison::Gt => false,
    };
    (counts && !link.targets.is_empty() && below)
        .then(|| Never::new("a count is never below 0", "compare with a number from 0 on"))
}

/// What every value passes.
fn always(link: &Link, written: &Written, out: &mut Vec<Diagnostic>) {
    let empty = match &link.operator {
        Operator::BeginsWith(argument) | Operator::Contains(argument) | Operator::EndsWith(argument) => {
            argument.as_literal().is_some_and(<[u8]>::is_empty)
        }
        _ => false,
    };
    let Some(name) = written.operator.name.as_ref().filter(|_| empty) else { return };
    let (code, title) = match link.negated {
        false => ("always-matches", "the test always matches"),
        true => ("never-matches", "the rule never matches"),
    };
    out.push(
        Diagnostic::warning(code, title)
            .at(name.location(), "every value holds the empty text")
            .help("write what is looked for after the operator".to_owned()),
    );
}

fn allows_all(allowed: &ByteRange) -> bool {
    (0..=u8::MAX).all(|byte| allowed.allows(byte))
}

/// The bytes that values may have when the operator is asked; `None` when it is asked in between too.
fn alphabet(link: &Link) -> Option<ByteSet> {
    let all = link.transformations.iter().fold(ByteSet::ALL, |bytes, it| it.alphabet(bytes));
    (!link.multi_match).then_some(all)
}

/// The first byte of a text that is not in the alphabet.
fn stranger(text: &[u8], alphabet: ByteSet) -> Option<(usize, u8)> {
    text.iter().copied().enumerate().find(|(_, byte)| !alphabet.contains(*byte))
}

/// Says which transformation leaves no such byte.
fn without(link: &Link, byte: u8, span: Option<Range<usize>>) -> Never {
    let (mut bytes, mut remover) = (ByteSet::ALL, None);
    for transformation in &link.transformations {
        bytes = transformation.alphabet(bytes);
        match bytes.contains(byte) {
            true => remover = None,
            false => remover = remover.or(Some(transformation.name())),
        }
    }
    let name = remover.unwrap_or("none");
    let help = match remover {
        Some("lowercase" | "cmdLine") if byte.is_ascii_uppercase() => {
            format!("write it in lower case: `t:{name}` comes first")
        }
        Some("uppercase") if byte.is_ascii_lowercase() => {
            "write it in upper case: `t:uppercase` comes first".to_owned()
        }
        _ => format!("remove `t:{name}`, or what it removes from the argument"),
    };
    Never {
        span,
        label: format!("`t:{name}` leaves no {}", shown(byte).trim_start_matches("a ")),
        help: Some(help),
    }
}

/// Why a pattern matches nothing.
enum Dead {
    Anchor,
    Byte(u8),
    Class,
}

/// Why a pattern matches no value of these bytes, if that can be seen from its syntax.
fn dead(hir: &Hir, alphabet: ByteSet) -> Option<Dead> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => None,
        HirKind::Literal(text) => stranger(&text.0, alphabet).map(|(_, byte)| Dead::Byte(byte)),
        HirKind::Class(Class::Bytes(class)) => {
            let mut bytes = class.iter().flat_map(|range| range.start()..=range.end());
            match class.ranges() {
                _ if bytes.any(|byte| alphabet.contains(byte)) => None,
                [only] if only.start() == only.end() => Some(Dead::Byte(only.start())),
                _ => Some(Dead::Class),
            }
        }
        HirKind::Class(Class::Unicode(_)) => None,
        HirKind::Repetition(repetition) if repetition.min == 0 => None,
        HirKind::Repetition(repetition) => dead(&repetition.sub, alphabet),
        HirKind::Capture(capture) => dead(&capture.sub, alphabet),
        HirKind::Concat(parts) => {
            parts.iter().find_map(|part| dead(part, alphabet)).or_else(|| misplaced(parts))
        }
        HirKind::Alternation(parts) => {
            let mut first = None;
            for part in parts {
                first = first.or(Some(dead(part, alphabet)?));
            }
            first
        }
    }
}

/// Whether a pattern can match a value that has no bytes but these.
pub(super) fn can_match(hir: &Hir, alphabet: ByteSet) -> bool {
    dead(hir, alphabet).is_none()
}

/// `a^`, `$a`: an end of the value that something must stand beyond.
fn misplaced(parts: &[Hir]) -> Option<Dead> {
    let takes = |parts: &[Hir]| parts.iter().any(|part| part.properties().minimum_len() > Some(0));
    let is_misplaced = |at: usize, part: &Hir| {
        let properties = part.properties();
        properties.look_set_prefix().contains(Look::Start) && takes(&parts[..at])
            || properties.look_set_suffix().contains(Look::End) && takes(&parts[at + 1..])
    };
    parts.iter().enumerate().any(|(at, part)| is_misplaced(at, part)).then_some(Dead::Anchor)
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_rule;

    #[test]
    fn knows_what_transformations_leave() {
        for (operator, actions, expected) in [
            ("@streq SELECT", "t:lowercase", "never-matches"),
            ("@streq SELECT", "t:lowercase,t:urlDecodeUni", ""),
            ("@streq SELECT", "t:lowercase,multiMatch", ""),
            ("!@streq SELECT", "t:lowercase", "always-matches"),
            ("@streq select", "t:lowercase", ""),
            ("@contains Select", "t:cmdLine", "never-matches"),
            ("@rx union\\s+SELECT", "t:lowercase", "never-matches"),
            ("@rx (?i)union\\s+SELECT", "t:lowercase", ""),
            ("@rx (?:UNION|select)x", "t:lowercase", ""),
            ("@rx [A-Z]{3}", "t:lowercase", "never-matches"),
            ("@rx [A-Z]*x", "t:lowercase", ""),
            ("@rx a b", "t:removeWhitespace", "never-matches"),
            ("@rx a\\s?b", "t:lowercase,t:removeWhitespace", ""),
            ("@pm |20|a |20|b", "t:removeWhitespace", "never-matches"),
            ("@pm SELECT", "t:lowercase", ""),
            ("@rx \\\\", "t:normalizePathWin", "never-matches"),
            ("@rx \\x00", "t:removeNulls", "never-matches"),
        ] {
            check_rule(
                ("REQUEST_LINE", operator, actions),
                expected.split_terminator(',').collect::<Vec<_>>().as_slice(),
            );
        }
    }

    #[test]
    fn knows_what_no_value_passes() {
        for (target, operator, expected) in [
            ("&ARGS", "@lt 0", "never-matches"),
            ("&ARGS", "@eq -1", "never-matches"),
            ("&ARGS", "!@lt 0", "always-matches"),
            ("&ARGS", "@lt 1", ""),
            ("ARGS:a", "@lt 0", ""),
            ("ARGS", "@validateByteRange 0-255", "never-matches"),
            ("ARGS", "@validateByteRange 1-255", ""),
            ("REQUEST_METHOD", "@within ", "never-matches"),
            ("REQUEST_METHOD", "@within GET", ""),
            ("ARGS", "@contains ", "always-matches"),
            ("ARGS", "!@beginsWith ", "never-matches"),
            ("ARGS", "@rx A^b", "never-matches"),
            ("ARGS", "@rx A$b", "never-matches"),
            ("ARGS", "@rx (?:^|x)A$", ""),
            ("ARGS", "@rx (?:A|^)b", ""),
        ] {
            check_rule((target, operator, ""), expected.split_terminator(',').collect::<Vec<_>>().as_slice());
        }
    }
}
