//! Regular expressions outside operators: selectors of names, tags and messages.

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

use super::super::mapped::Mapped;
use crate::Diagnostic;

/// Bytes that one compiled pattern may take.
const PATTERN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Compiles a pattern over bytes, `.` matching line ends, `$` the absolute end; says where it is wrong.
pub(super) fn compile(pattern: &Mapped, ignore_case: bool, out: &mut Vec<Diagnostic>) -> Option<Regex> {
    let built = RegexBuilder::new(pattern.as_str())
        .unicode(false)
        .case_insensitive(ignore_case)
        .dot_matches_new_line(true)
        .size_limit(PATTERN_BYTES_MAX)
        .build();
    match built {
        Ok(regex) => Some(regex),
        Err(error) => {
            let (reason, range) =
                explain(pattern.as_str()).unwrap_or((error.to_string(), 0..pattern.as_str().len()));
            out.push(
                Diagnostic::error("invalid-regex", format!("invalid regular expression: {reason}"))
                    .at(pattern.location_of(range), "here"),
            );
            None
        }
    }
}

/// What is wrong in the pattern, and where.
fn explain(pattern: &str) -> Option<(String, Range<usize>)> {
    let parsed = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern);
    let (reason, span) = match parsed.err()? {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), *error.span()),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), *error.span()),
        _ => return None,
    };
    Some((reason, span.start.offset..span.end.offset.max(span.start.offset + 1)))
}
