//! Values of a request's head.

use transaction::Transaction;

use super::{Extractor, Visit, is_location};
use crate::{Location, class};

/// The longest value that such a header is believed (bytes).
const GRAMMAR_BYTES_MAX: usize = 512;

pub(super) fn walk(extractor: &mut Extractor, transaction: &Transaction, visit: &mut (impl Visit + ?Sized)) {
    path(extractor, transaction.path(), visit);
    for field in transaction.query.iter() {
        extractor.decoded(Location::QueryName, b"", field.name, visit);
        extractor.decoded(Location::Query, field.name, field.value, visit);
    }
    for field in transaction.cookies.iter() {
        extractor.encoded(Location::Cookie, b"", field.name, visit);
        extractor.encoded(Location::Cookie, field.name, field.value, visit);
    }
    for field in transaction.request.headers.iter() {
        if !field.name.eq_ignore_ascii_case(b"cookie") && !follows_grammar(field.name, field.value) {
            extractor.encoded(Location::Header, field.name, field.value, visit);
        }
    }
}

/// The path as a whole, and what base64 hides in its segments.
fn path(extractor: &mut Extractor, path: &[u8], visit: &mut (impl Visit + ?Sized)) {
    if is_location(path) {
        visit.value(Location::Path, b"", path);
    } else {
        extractor.encoded(Location::Path, b"", path, visit);
    }
    for segment in path.split(|byte| *byte == b'/').filter(|segment| segment.len() >= 16) {
        let place = super::Place {
            location: Location::Path,
            name: b"",
            steps: crate::decode::Steps::default(),
            depth: 0,
        };
        extractor.base64(place, segment, visit);
    }
}

/// Whether the header's value is what its grammar makes it: a value with any other byte is scored.
fn follows_grammar(name: &[u8], value: &[u8]) -> bool {
    has_grammar(name) && value.len() <= GRAMMAR_BYTES_MAX && class::all(value, class::GRAMMAR)
}

/// Headers with a grammar of their own that browsers fill in, not applications (RFC 9110, RFC 8942, Fetch).
fn has_grammar(name: &[u8]) -> bool {
    let mut lowered = [0; 30];
    let Some(lowered) = lowered.get_mut(..name.len()) else { return is_fetch(name) };
    lowered.copy_from_slice(name);
    lowered.make_ascii_lowercase();
    let known = matches!(
        &*lowered,
        b"accept"
            | b"accept-charset"
            | b"accept-encoding"
            | b"accept-language"
            | b"access-control-request-headers"
            | b"access-control-request-method"
            | b"cache-control"
            | b"connection"
            | b"content-length"
            | b"content-type"
            | b"date"
            | b"dnt"
            | b"host"
            | b"if-modified-since"
            | b"if-none-match"
            | b"if-unmodified-since"
            | b"keep-alive"
            | b"origin"
            | b"pragma"
            | b"priority"
            | b"range"
            | b"te"
            | b"transfer-encoding"
            | b"upgrade-insecure-requests"
    );
    known || is_fetch(name)
}

/// `Sec-Fetch-Mode` and its like.
fn is_fetch(name: &[u8]) -> bool {
    name.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"sec-"))
}
