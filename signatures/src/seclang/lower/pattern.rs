//! Regular expressions outside operators: selectors of names, tags and messages.

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

use super::super::mapped::Mapped;
use crate::Diagnostic;
use crate::operator::{Rewritten, rewrite};

/// Bytes that one compiled pattern may take.
const PATTERN_BYTES_MAX: usize = 4 << 20;

/// Compiles a pattern as `@rx` would, over bytes; says where it is wrong.
pub(super) fn compile(pattern: &Mapped, ignore_case: bool, out: &mut Vec<Diagnostic>) -> Option<Regex> {
    let rewritten = match rewrite(pattern.as_str()) {
        Ok(rewritten) => rewritten,
        Err(error) => {
            let place = error.span.map_or_else(|| pattern.location(), |span| pattern.location_of(span));
            out.push(
                Diagnostic::error(error.code, error.message).at(place, "in this pattern").help(error.help),
            );
            return None;
        }
    };
    let built = RegexBuilder::new(&rewritten.pattern)
        .unicode(false)
        .case_insensitive(ignore_case)
        .dot_matches_new_line(true)
        .size_limit(PATTERN_BYTES_MAX)
        .build();
    match built {
        Ok(regex) => Some(regex),
        Err(_) => {
            let (reason, range) = explain(&rewritten, pattern.as_str());
            out.push(
                Diagnostic::error("invalid-regex", format!("invalid regular expression: {reason}"))
                    .at(pattern.location_of(range), "in this pattern"),
            );
            None
        }
    }
}

/// What is wrong with a rewritten pattern, and where in the original.
fn explain(rewritten: &Rewritten, original: &str) -> (String, Range<usize>) {
    let parsed =
        regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(&rewritten.pattern);
    let (reason, span) = match parsed.err() {
        Some(regex_syntax::Error::Parse(error)) => (error.kind().to_string(), *error.span()),
        Some(regex_syntax::Error::Translate(error)) => (error.kind().to_string(), *error.span()),
        _ => return ("it compiles to more than 4 MB".to_owned(), 0..original.len()),
    };
    (reason, rewritten.origin(span.start.offset..span.end.offset, original))
}
