//! `case-evadable`: a pattern in lower case for what is the same in upper case.
//!
//! A warning for words of languages without case (SQL, HTML, names of PHP functions); for others a note, as
//! `/etc/passwd` is no other file in upper case.

use regex_syntax::hir::{Hir, HirKind};

use super::super::draft::{Disruption, Draft, Written};
use super::{literal, pattern};
use crate::operator::Operator;
use crate::transformation::Transformation;
use crate::{Action, Assignment, Change, Diagnostic, Link, Severity, Variable};

/// Whether a match speaks against a transaction: nobody evades an exclusion.
pub(super) fn is_about_attacks(draft: &Draft) -> bool {
    let scores = |action: &Action| {
        matches!(action, Action::SetVar(Assignment { change: Change::Add(_) | Change::Set(_), .. }))
    };
    let excludes = draft.links.iter().flat_map(|link| &link.actions).any(|it| matches!(it, Action::Ctl(_)));
    let counts = draft.links.iter().flat_map(|link| &link.actions).any(scores);
    match draft.disruption {
        Disruption::Allow(_) => false,
        Disruption::Pass => counts && !excludes,
        Disruption::Deny | Disruption::Drop | Disruption::Redirect(_) => true,
    }
}

pub(super) fn check(link: &Link, written: &Written, out: &mut Vec<Diagnostic>) {
    if link.negated || has_no_case(link) || !link.targets.iter().any(|target| is_free(target.variable)) {
        return;
    }
    let words = words(link);
    let known = words.iter().find(|word| WITHOUT_CASE.contains(&word.as_str()));
    let Some(word) = known.or(words.first()) else { return };
    let severity = if known.is_some() { Severity::Warning } else { Severity::Note };
    let argument = &written.operator.argument;
    let place = match argument.as_str().find(word.as_str()) {
        Some(at) => argument.location_of(at..at + word.len()),
        None => argument.location(),
    };
    let help = match link.operator {
        Operator::Rx(_) | Operator::RxGlobal(_) => "begin the pattern with `(?i)`, or add `t:lowercase`",
        _ => "add `t:lowercase`",
    };
    let title = format!("`{word}` is found in lower case only");
    let mut found = Diagnostic::warning("case-evadable", title)
        .at(place, format!("`{}` passes", word.to_ascii_uppercase()))
        .help(help.to_owned());
    found.severity = severity;
    out.push(found);
}

/// The words in lower case that a link looks for. None if it looks for upper case too: who writes that knows of
/// case.
fn words(link: &Link) -> Vec<String> {
    let (mut words, mut has_upper) = (Vec::new(), false);
    let mut take = |text: &[u8]| {
        has_upper |= text.iter().any(u8::is_ascii_uppercase);
        collect(text, &mut words);
    };
    match (literal(link), pattern(link)) {
        // What is compared as a whole is mostly a name of the application's own.
        (Some(_), _) if matches!(link.operator, Operator::Streq(_)) => {}
        (Some(text), _) => take(text),
        (None, Some(rx)) => rx.hir().iter().for_each(|hir| texts(hir, &mut take)),
        (None, None) => {}
    }
    if has_upper { Vec::new() } else { words }
}

/// Whether case is gone, or values are no text, when the operator is asked.
fn has_no_case(link: &Link) -> bool {
    use Transformation as T;
    let is_caseless = |it: &Transformation| {
        matches!(
            it,
            T::Base64Encode
                | T::CmdLine
                | T::HexEncode
                | T::Length
                | T::Lowercase
                | T::Md5
                | T::Sha1
                | T::Uppercase
        )
    };
    link.transformations.iter().any(is_caseless)
}

/// Whether the client writes there what it likes.
fn is_free(variable: Variable) -> bool {
    use Variable as V;
    matches!(
        variable,
        V::Args
            | V::ArgsGet
            | V::ArgsGetNames
            | V::ArgsNames
            | V::ArgsPost
            | V::ArgsPostNames
            | V::Files
            | V::FilesNames
            | V::FilesTmpContent
            | V::FullRequest
            | V::MultipartFilename
            | V::QueryString
            | V::RequestBasename
            | V::RequestBody
            | V::RequestCookies
            | V::RequestCookiesNames
            | V::RequestFilename
            | V::RequestHeaders
            | V::RequestLine
            | V::RequestUri
            | V::RequestUriRaw
            | V::Xml
    )
}

/// Calls `take` with the texts that a pattern spells out, as long as it tells case apart.
fn texts(hir: &Hir, take: &mut impl FnMut(&[u8])) {
    match hir.kind() {
        HirKind::Literal(text) => take(&text.0),
        HirKind::Repetition(repetition) => texts(&repetition.sub, take),
        HirKind::Capture(capture) => texts(&capture.sub, take),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().for_each(|part| texts(part, take));
        }
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(_) => {}
    }
}

/// The words of a text in lower case.
fn collect(text: &[u8], words: &mut Vec<String>) {
    let all = text.split(|byte| !byte.is_ascii_lowercase()).filter(|word| word.len() >= WORD_BYTES_MIN);
    words.extend(all.map(|word| String::from_utf8_lossy(word).into_owned()));
}

/// Shorter words are parts of others.
const WORD_BYTES_MIN: usize = 4;

/// Words that mean the same in any case.
const WITHOUT_CASE: &[&str] = &[
    "alert",
    "applet",
    "benchmark",
    "concat",
    "cookie",
    "database",
    "delete",
    "drop",
    "embed",
    "eval",
    "exec",
    "expression",
    "extractvalue",
    "from",
    "href",
    "iframe",
    "information_schema",
    "insert",
    "javascript",
    "load_file",
    "marquee",
    "meta",
    "onclick",
    "onerror",
    "onfocus",
    "onload",
    "onmouseover",
    "outfile",
    "passthru",
    "phpinfo",
    "script",
    "select",
    "shell_exec",
    "sleep",
    "style",
    "system",
    "table",
    "union",
    "update",
    "vbscript",
    "waitfor",
    "where",
];

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_rule};
    use crate::seclang::{self, MemoryFiles, Source};

    #[test]
    fn finds_what_upper_case_evades() {
        for (target, operator, actions, expected) in [
            ("ARGS", "@rx union\\s+select", "", "case-evadable"),
            ("ARGS", "@rx (?i)union\\s+select", "", ""),
            ("ARGS", "@rx union\\s+select", "t:urlDecodeUni,t:lowercase", ""),
            ("ARGS", "@rx <(?:iframe|script)", "", "case-evadable"),
            ("ARGS", "@contains javascript:", "", "case-evadable"),
            ("ARGS", "@contains etc/passwd", "", "case-evadable"),
            ("ARGS", "@pm union", "", ""),
            ("ARGS", "@rx Union", "", ""),
            ("ARGS", "@rx javax\\.script|Runtime", "", ""),
            ("ARGS", "!@rx union", "", ""),
            ("REQUEST_METHOD", "@rx select", "", ""),
            ("ARGS", "@rx select", "pass,ctl:ruleEngine=Off", ""),
            ("ARGS", "@rx select", "pass,setvar:tx.score=+5", "case-evadable"),
            ("RESPONSE_BODY", "@rx select", "phase:4", ""),
        ] {
            check_rule(
                (target, operator, actions),
                expected.split_terminator(',').collect::<Vec<_>>().as_slice(),
            );
        }
        check("SecAction \"id:1,phase:1,pass\"", &[]);
    }

    #[test]
    fn is_sure_of_languages_without_case() {
        for (pattern, warnings, notes) in [("union", 1, 0), ("passwd", 0, 1)] {
            let rule = format!("SecRule ARGS \"@rx {pattern}\" \"id:1,phase:2,deny\"");
            let loaded = seclang::check(vec![Source::text("x", rule)], &MemoryFiles::default());
            assert_eq!((loaded.diagnostics.len(), loaded.notes.len()), (warnings, notes), "{pattern}");
        }
    }
}
