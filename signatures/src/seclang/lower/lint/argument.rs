//! Arguments that are read, and not as they were meant: `operator-without-at`, `not-a-number`,
//! `unclosed-macro`, `capture-without-groups`.

use super::super::super::mapped::Mapped;
use super::super::draft::Written;
use super::literal;
use crate::operator::{Number, Operator};
use crate::{Diagnostic, Link};

pub(super) fn check(link: &Link, written: &Written, out: &mut Vec<Diagnostic>) {
    without_at(written, out);
    no_number(link, written, out);
    if literal(link).is_some() {
        unclosed_macro(&written.operator.argument, out);
    }
    no_groups(link, written, out);
}

/// `"rx ^a"`: a pattern that begins with an operator's name.
fn without_at(written: &Written, out: &mut Vec<Diagnostic>) {
    let (None, Some((name, _))) = (&written.operator.name, written.operator.argument.split_once(' ')) else {
        return;
    };
    if let Some(known) = Operator::names().find(|known| known.eq_ignore_ascii_case(name.as_str())) {
        out.push(
            Diagnostic::warning(
                "operator-without-at",
                format!("`{}` is a part of the pattern here", name.as_str()),
            )
            .at(name.location(), "without `@` this is no operator")
            .help(format!(
                "write `@{known}`; if the word is meant, write `@rx {}`",
                written.operator.argument.as_str()
            )),
        );
    }
}

/// `@gt many`.
fn no_number(link: &Link, written: &Written, out: &mut Vec<Diagnostic>) {
    let Operator::Compare(_, Number::Fixed(number)) = &link.operator else { return };
    let argument = &written.operator.argument;
    if is_number(argument.as_str()) {
        return;
    }
    let (place, title) = match (&written.operator.name, argument.is_empty()) {
        (Some(name), true) => (name, format!("`@{}` needs a number", name.as_str())),
        _ => (argument, format!("`{}` is not a number", argument.as_str())),
    };
    out.push(
        Diagnostic::warning("not-a-number", title).at(place.location(), format!("compared with {number}")),
    );
}

/// `capture` of what captures nothing.
fn no_groups(link: &Link, written: &Written, out: &mut Vec<Diagnostic>) {
    let captures = matches!(
        link.operator,
        Operator::DetectSqli
            | Operator::DetectXss
            | Operator::NoMatch
            | Operator::Pm(_)
            | Operator::Rx(_)
            | Operator::RxGlobal(_)
            | Operator::Verify(_)
    );
    if !link.capture || captures && !link.negated {
        return;
    }
    let node = &written.operator;
    let place = node.name.as_ref().unwrap_or(&node.argument);
    let label = match link.negated {
        true => "what does not match has no parts".to_owned(),
        false => "captures nothing".to_owned(),
    };
    out.push(
        Diagnostic::note("capture-without-groups", "`capture` has nothing to keep")
            .at(place.location(), label)
            .help("`@rx`, `@rxGlobal`, `@pm`, `@detectSQLi`, `@detectXSS` and `@verify*` capture".to_owned()),
    );
}

/// Whether a text is a number and nothing else.
pub(in super::super) fn is_number(text: &str) -> bool {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// `%{tx.a`.
pub(in super::super) fn unclosed_macro(text: &Mapped, out: &mut Vec<Diagnostic>) {
    let Some(start) = text.as_str().rfind("%{").filter(|start| !text.as_str()[*start..].contains('}')) else {
        return;
    };
    let end = text.as_str().len();
    out.push(
        Diagnostic::warning("unclosed-macro", "a macro does not end")
            .at(text.location_of(start..end), "taken as text")
            .help("close it with `}`".to_owned()),
    );
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_rule;

    #[test]
    fn finds_what_was_not_meant() {
        for (target, operator, actions, expected) in [
            ("ARGS", "rx A", "", "operator-without-at"),
            ("ARGS", "@rx rx A", "", ""),
            ("ARGS", "A contains b", "", ""),
            ("&ARGS", "@gt many", "", "not-a-number"),
            ("&ARGS", "@gt -5", "", ""),
            ("&ARGS", "@gt %{tx.a}", "", ""),
            ("ARGS", "@streq %{tx.a", "", "unclosed-macro"),
            ("ARGS", "@streq A", "capture", "capture-without-groups"),
            ("ARGS", "!@rx A", "capture", "capture-without-groups"),
            ("ARGS", "@rx A", "capture", ""),
        ] {
            check_rule(
                (target, operator, actions),
                expected.split_terminator(',').collect::<Vec<_>>().as_slice(),
            );
        }
    }
}
