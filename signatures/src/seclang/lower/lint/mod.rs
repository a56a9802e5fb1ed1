//! Rules that load and cannot be what was meant.
//!
//! A warning is certain: the rule does nothing, or not what it says, whatever the traffic. What is only
//! likely, or costs nothing but a thought, is a note; `check --pedantic` shows it.

mod always_empty;
mod argument;
mod backtrack;
mod contradiction;
mod duplicate;
mod evadable;
pub(super) mod exclusion;
mod never;
mod status;

pub(super) use self::argument::{is_number, unclosed_macro};
use super::draft::{Draft, Written};
use crate::operator::{Operator, Rx};
use crate::{Diagnostic, Link, Severity};

/// Warnings and notes about the rules that run.
pub(super) fn check(drafts: &[Draft]) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    let mut found = Vec::new();
    for draft in drafts.iter().filter(|draft| draft.runs()) {
        for (link, written) in links(draft) {
            always_empty::check(link, written, &mut found);
            argument::check(link, written, &mut found);
            backtrack::check(link, written, &mut found);
            if evadable::is_about_attacks(draft) {
                evadable::check(link, written, &mut found);
            }
            exclusion::check(written, &mut found);
            never::check(link, written, &mut found);
        }
        contradiction::check(draft, &mut found);
        status::check(draft, &mut found);
        exclusion::check_selections(draft, drafts, &mut found);
    }
    duplicate::check(drafts, &mut found);
    found.into_iter().partition(|found| found.severity > Severity::Note)
}

/// The links that have targets, with what they were read from.
fn links(draft: &Draft) -> impl Iterator<Item = (&Link, &Written)> {
    draft.links.iter().zip(&draft.written).filter_map(|(link, written)| Some((link, written.as_ref()?)))
}

/// The pattern of a link that is tested by one.
fn pattern(link: &Link) -> Option<&Rx> {
    match &link.operator {
        Operator::Rx(rx) | Operator::RxGlobal(rx) => Some(rx),
        _ => None,
    }
}

/// The text of a link that compares with one, and has no macros.
fn literal(link: &Link) -> Option<&[u8]> {
    match &link.operator {
        Operator::BeginsWith(argument)
        | Operator::Contains(argument)
        | Operator::ContainsWord(argument)
        | Operator::EndsWith(argument)
        | Operator::Streq(argument) => argument.as_literal(),
        _ => None,
    }
}

/// A byte as it is told to people.
fn shown(byte: u8) -> String {
    match byte {
        b' ' => "a space".to_owned(),
        b'`' => "a backtick".to_owned(),
        b'!'..=b'~' => format!("`{}`", char::from(byte)),
        _ => format!("the byte `\\x{byte:02x}`"),
    }
}

#[cfg(test)]
mod tests {
    use crate::seclang::{self, MemoryFiles, Source};

    /// The codes of warnings and of notes, together.
    #[track_caller]
    pub(super) fn check(rules: &str, expected: &[&str]) {
        let loaded = seclang::check(vec![Source::text("test.conf", rules)], &MemoryFiles::default());
        let all = loaded.diagnostics.iter().chain(&loaded.notes);
        let drawn: Vec<_> = all.clone().map(|found| found.render(false)).collect();
        let codes: Vec<_> = all.map(|found| found.code).collect();
        assert_eq!(codes, expected, "{rules}\n{}", drawn.join("\n"));
    }

    /// The same for one rule with a target, an operator and transformations.
    #[track_caller]
    pub(super) fn check_rule((target, operator, actions): (&str, &str, &str), expected: &[&str]) {
        let actions = if actions.is_empty() { String::new() } else { format!(",{actions}") };
        check(&format!("SecRule {target} \"{operator}\" \"id:1,phase:2,deny{actions}\""), expected);
    }
}
