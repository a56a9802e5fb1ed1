//! Which values of a request are scored, and in which views.
//!
//! Every value a client chooses is looked at. A value that is plain (letters, digits, `_`, `.`, `-`) cannot
//! be an attack and is not shown; structure within a value (JSON, a URL's query, `a=1&b=2`) is taken apart,
//! so that each part is scored alone; and what encodings hide is shown as a further [`View`]. Training and
//! serving share this module, so that a model sees what it was trained on.

mod body;
mod head;
mod json;
mod segments;

pub use segments::each_segment;
use transaction::{Body, Transaction};

use crate::Location;
use crate::class::{self, Sight};
use crate::decode::{self, Decoder, Step, Steps};

/// Structures within structures that are taken apart (levels).
const DEPTH_MAX: u8 = 3;
/// Parts that one value is taken apart into, at most (count); then it is scored as a whole as well.
const PARTS_MAX: usize = 400;

/// One way to read one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View<'a> {
    /// The part of the request.
    pub location: Location,
    /// The header's, argument's or member's name.
    pub name: &'a [u8],
    /// The bytes to score.
    pub value: &'a [u8],
    /// What was undone to get there; empty for the value as it came.
    pub steps: Steps,
}

/// Takes views.
pub trait Visit {
    /// Looks at one view. It may be called many times for one value.
    fn view(&mut self, view: View<'_>);

    /// Looks at a value as it came, before the views of it. Most have none, because they are plain.
    fn value(&mut self, _location: Location, _name: &[u8], _value: &[u8]) {}

    /// Whether the views of a value need not be shown; if not, [`Visit::end`] comes after them. A value that is
    /// still percent-encoded has other views than one that is not.
    fn knows(&mut self, _value: View<'_>, _is_encoded: bool) -> bool {
        false
    }

    /// All views of a value were shown.
    fn end(&mut self, _value: &[u8], _is_encoded: bool) {}
}

impl<F: FnMut(View<'_>) + ?Sized> Visit for F {
    fn view(&mut self, view: View<'_>) {
        self(view);
    }
}

/// Walks a request's values; keeps its buffers.
#[derive(Debug, Default)]
pub struct Extractor {
    decoders: Vec<Decoder>,
}

impl Extractor {
    /// Shows the values of path, query, cookies and headers.
    pub fn head(&mut self, transaction: &Transaction, visit: &mut (impl Visit + ?Sized)) {
        head::walk(self, transaction, visit);
    }

    /// Shows the values of a body, or of one segment of it.
    pub fn body(&mut self, body: &Body, visit: &mut (impl Visit + ?Sized)) {
        body::walk(self, body, visit);
    }

    /// Shows a value that no server has decoded yet: without one level of percent-encoding.
    fn encoded(&mut self, location: Location, name: &[u8], value: &[u8], visit: &mut (impl Visit + ?Sized)) {
        visit.value(location, name, value);
        let whole = View { location, name, value, steps: Steps::default() };
        if !is_plain(value) && !visit.knows(whole, true) {
            let place = Place { location, name, steps: Steps::default(), depth: 0 };
            self.argument(place, value, Sight::of(value), visit);
            visit.end(value, true);
        }
    }

    /// Shows a value as the application gets it.
    fn decoded(&mut self, location: Location, name: &[u8], value: &[u8], visit: &mut (impl Visit + ?Sized)) {
        visit.value(location, name, value);
        let has_views = || !is_plain(value) || decode::may_hide_base64(value);
        if has_views() && !visit.knows(View { location, name, value, steps: Steps::default() }, false) {
            let place = Place { location, name, steps: Steps::default(), depth: 0 };
            self.value(place, value, Sight::of(value), visit);
            visit.end(value, false);
        }
    }

    fn value(&mut self, place: Place<'_>, value: &[u8], sight: Sight, visit: &mut (impl Visit + ?Sized)) {
        if is_plain_at(value, sight) {
            self.base64(place, value, visit);
            return;
        }
        if place.depth < DEPTH_MAX && self.take_apart(place, value, sight, visit) {
            return;
        }
        visit.view(place.view(value));
        self.base64(place, value, visit);
        if decode::may_be_encoded(value, sight) {
            self.encodings(place, value, visit);
        }
    }

    /// Shows a value without its encodings, if it has any.
    fn encodings(&mut self, mut place: Place<'_>, value: &[u8], visit: &mut (impl Visit + ?Sized)) {
        let mut decoder = self.decoders.pop().unwrap_or_default();
        if let Some(decoded) = decoder.decode(value, &mut place.steps) {
            place.depth += 1;
            if place.depth >= DEPTH_MAX || !self.take_apart(place, decoded, Sight::of(decoded), visit) {
                visit.view(place.view(decoded));
                self.base64(place, decoded, visit);
            }
        }
        self.decoders.push(decoder);
    }

    /// Shows what base64 hides, in the whole value or within it.
    fn base64(&mut self, place: Place<'_>, value: &[u8], visit: &mut (impl Visit + ?Sized)) {
        if place.depth < DEPTH_MAX && !self.base64_whole(place, value, visit) {
            decode::base64_embedded(value).for_each(|part| {
                self.base64_whole(place, part, visit);
            });
        }
    }

    /// Shows the text that a value spells in base64, all of it; `false` when it spells none.
    fn base64_whole(
        &mut self,
        mut place: Place<'_>,
        value: &[u8],
        visit: &mut (impl Visit + ?Sized),
    ) -> bool {
        if !decode::may_be_base64(value) {
            return false;
        }
        let mut decoder = self.decoders.pop().unwrap_or_default();
        let text = decoder.base64(value);
        if let Some(text) = text {
            place.depth += 1;
            place.steps.push(Step::Base64);
            self.value(place, text, Sight::of(text), visit);
        }
        let is_text = text.is_some();
        self.decoders.push(decoder);
        is_text
    }

    /// Shows the parts of a structured value instead of the whole; `false` when it has no structure that
    /// accounts for all of it.
    fn take_apart(
        &mut self,
        mut place: Place<'_>,
        value: &[u8],
        sight: Sight,
        visit: &mut (impl Visit + ?Sized),
    ) -> bool {
        place.depth += 1;
        match value.trim_ascii_start().first() {
            Some(b'{' | b'[') => json::strings(value).is_some_and(|strings| {
                strings.for_each(|text| self.value(place, text, Sight::of(text), visit));
                true
            }),
            _ => sight.has(class::QUERY) && self.pairs(place, value, visit),
        }
    }

    /// `path?a=1&b=2`, `a=1&b=2`: the parts if there are several and each begins with a name.
    fn pairs(&mut self, place: Place<'_>, value: &[u8], visit: &mut (impl Visit + ?Sized)) -> bool {
        let Some((path, query)) = query_of(value) else { return false };
        let parts = || query.split(|byte| matches!(byte, b'&' | b'#'));
        let named = |part: &[u8]| memchr::memchr(b'=', part).is_some_and(|end| is_name(&part[..end]));
        let mut count = 0;
        if !parts().filter(|part| !is_plain(part)).all(|part| {
            count += 1;
            count <= PARTS_MAX && named(part)
        }) {
            return false;
        }
        if !is_location(path) {
            self.value(Place { depth: DEPTH_MAX, ..place }, path, Sight::of(path), visit);
        }
        for part in parts() {
            let value = memchr::memchr(b'=', part).map_or(part, |end| &part[end + 1..]);
            self.argument(place, value, Sight::of(value), visit);
        }
        true
    }

    /// A value that has its own level of percent-encoding, if any.
    fn argument(
        &mut self,
        mut place: Place<'_>,
        value: &[u8],
        sight: Sight,
        visit: &mut (impl Visit + ?Sized),
    ) {
        if !sight.has(class::PERCENT) {
            return self.value(place, value, sight, visit);
        }
        let mut decoder = self.decoders.pop().unwrap_or_default();
        match decoder.percent_once(value) {
            Some(decoded) => {
                place.steps.push(Step::Percent);
                self.value(place, decoded, Sight::of(decoded), visit);
            }
            None => self.value(place, value, sight, visit),
        }
        self.decoders.push(decoder);
    }
}

/// Where a value is and how it was reached.
#[derive(Clone, Copy)]
struct Place<'a> {
    location: Location,
    name: &'a [u8],
    steps: Steps,
    depth: u8,
}

impl<'a> Place<'a> {
    fn view(self, value: &'a [u8]) -> View<'a> {
        View { location: self.location, name: self.name, value, steps: self.steps }
    }
}

/// Letters, digits, `_`, `.` and `-` only, that hide nothing.
#[must_use]
pub fn is_plain(value: &[u8]) -> bool {
    class::sight_of_all(value, class::PLAIN).is_some_and(|sight| !hides_path(value, sight))
}

/// The same of a value that was seen.
fn is_plain_at(value: &[u8], sight: Sight) -> bool {
    sight.is_all(class::PLAIN) && !hides_path(value, sight)
}

/// `....` and `0x2e0x2e0x5c` are what is left of a path whose separators are spelled as letters.
fn hides_path(value: &[u8], sight: Sight) -> bool {
    value.len() > 4 && (sight.has(class::DOT) && has_dots(value) || decode::may_be_encoded(value, sight))
}

/// Whether there is a `..`.
fn has_dots(value: &[u8]) -> bool {
    memchr::memchr_iter(b'.', value).any(|at| value.get(at + 1) == Some(&b'.'))
}

/// What an argument may be called in a value that is taken apart.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.len() <= 64 && class::all(name, class::NAME)
}

/// A URL's scheme, host and path, or a path, without anything to score: as in a `Referer`.
fn is_location(path: &[u8]) -> bool {
    class::all(path, class::LOCATION) && !has_dots(path)
}

/// What stands before and after the `?` of a URL or path; a value without one that has `=` and `&` is all query.
fn query_of(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let mark = memchr::memchr(b'?', value);
    match mark {
        Some(mark) if is_url(value) => Some((&value[..mark], &value[mark + 1..])),
        None if has(value, b'&') && has(value, b'=') => Some((b"", value)),
        _ => None,
    }
}

fn has(value: &[u8], byte: u8) -> bool {
    memchr::memchr(byte, value).is_some()
}

fn is_url(value: &[u8]) -> bool {
    value.starts_with(b"http://") || value.starts_with(b"https://") || value.starts_with(b"/")
}

#[cfg(test)]
mod tests;
