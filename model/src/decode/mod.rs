//! What a value may mean to the application behind: escapes undone, round after round.
//!
//! An attack is often wrapped in encodings that rules do not expect. [`Decoder::decode`] undoes them until
//! nothing changes, at most [`ROUNDS_MAX`] times. The result is a further view of a value: it is scored
//! beside the value as it came, never instead of it.

mod base64;
mod entity;
mod escape;
mod hexword;
mod origin;
mod overlong;
mod percent;

use std::fmt;

use crate::class::{self, Sight};

pub(crate) use base64::{embedded as base64_embedded, may_be as may_be_base64};
pub use origin::{Origins, Sink};

/// Encodings upon encodings that are undone (count).
const ROUNDS_MAX: usize = 4;

/// One undone encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// `%41` (RFC 3986 section 2.1) and `%u0041` (IIS).
    Percent,
    /// Longer UTF-8 than an ASCII character needs, `%c0%af` (RFC 3629 section 10).
    Overlong,
    /// `\u0041`, `\x41`, `\u{41}` (ECMAScript string literals).
    Escape,
    /// `&lt;`, `&#60;`, `&#x3c;` (HTML character references).
    Entity,
    /// `0x2e0x2f`, dots and slashes as numbers.
    HexWord,
    /// Base64 (RFC 4648).
    Base64,
}

/// The steps that led to a view, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Steps {
    steps: [Option<Step>; 8],
}

impl Steps {
    /// Appends a step; one that repeats the last says nothing new, and a ninth is not told.
    pub fn push(&mut self, step: Step) {
        let free = self.steps.iter().position(Option::is_none);
        if let Some(index) = free
            && (index == 0 || self.steps[index - 1] != Some(step))
        {
            self.steps[index] = Some(step);
        }
    }

    /// The steps in order.
    pub fn iter(&self) -> impl Iterator<Item = Step> {
        self.steps.into_iter().flatten()
    }

    /// Whether the view is the value as it came.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps[0].is_none()
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.iter().enumerate() {
            let word = match step {
                Step::Percent => "percent",
                Step::Overlong => "overlong-utf8",
                Step::Escape => "escape",
                Step::Entity => "entity",
                Step::HexWord => "hex-word",
                Step::Base64 => "base64",
            };
            write!(f, "{}{word}", if index == 0 { "" } else { " > " })?;
        }
        Ok(())
    }
}

/// Undoes one encoding: appends to the sink, and says whether anything changed.
type Undo<S> = fn(&[u8], &mut S) -> bool;

/// Undoes encodings; keeps its buffers.
#[derive(Debug, Default)]
pub struct Decoder {
    view: Vec<u8>,
    next: Vec<u8>,
}

impl Decoder {
    /// The value without one level of percent-encoding, which every server undoes; `None` when there is none.
    pub fn percent_once(&mut self, value: &[u8]) -> Option<&[u8]> {
        self.view.clear();
        percent::decode(value, &mut self.view).then_some(self.view.as_slice())
    }

    /// The value with all encodings undone, and which; `None` when there are none.
    pub fn decode(&mut self, value: &[u8], steps: &mut Steps) -> Option<&[u8]> {
        let mut changed = false;
        for _ in 0..ROUNDS_MAX {
            let mut again = false;
            for (step, undo) in undoings() {
                self.next.clear();
                if undo(if changed { &self.view } else { value }, &mut self.next) {
                    std::mem::swap(&mut self.view, &mut self.next);
                    steps.push(step);
                    (changed, again) = (true, true);
                }
            }
            if !again {
                break;
            }
        }
        changed.then_some(self.view.as_slice())
    }

    /// The text that a value spells in base64, which it [may be](may_be_base64).
    pub(crate) fn base64(&mut self, value: &[u8]) -> Option<&[u8]> {
        base64::decode(value, &mut self.view).then_some(self.view.as_slice())
    }
}

/// [`Decoder::decode`], with the place in `value` that each byte of the result came from.
#[must_use]
pub fn trace(value: &[u8]) -> (Vec<u8>, Vec<u32>) {
    let mut view = Origins::of(value);
    let mut next = Origins::default();
    for _ in 0..ROUNDS_MAX {
        if !round_traced(&mut view, &mut next) {
            break;
        }
    }
    (view.bytes, view.origins)
}

/// Where in a value each byte of a part of its view came from, and where the part ends; `None` when the view
/// is no decoding of the whole value (a part of a structure, or what base64 hid). `offset` is where the part
/// begins in the view.
#[must_use]
pub fn origins(value: &[u8], offset: usize, part: &[u8]) -> Option<Vec<u32>> {
    let mut once = Origins::default();
    percent::decode(value, &mut once);
    let all = || {
        let (bytes, origins) = trace(value);
        Origins { bytes, origins }
    };
    let end = offset + part.len();
    for view in [Origins::of(value), once, all()] {
        if view.bytes.get(offset..end) == Some(part) {
            let end = view.origins.get(end).copied().unwrap_or(value.len() as u32);
            return Some(view.origins[offset..].iter().take(part.len()).copied().chain([end]).collect());
        }
    }
    None
}

/// Whether base64 may hide anything in a value.
pub(crate) fn may_hide_base64(value: &[u8]) -> bool {
    may_be_base64(value) || base64_embedded(value).any(may_be_base64)
}

/// Whether there may be anything to undo in a value but base64.
pub(crate) fn may_be_encoded(value: &[u8], sight: Sight) -> bool {
    sight.has(class::ENCODING) || sight.has(class::HEX_MARK) && hexword::has_any(value)
}

fn undoings<S: Sink>() -> [(Step, Undo<S>); 5] {
    [
        (Step::Percent, percent::decode),
        (Step::Overlong, overlong::decode),
        (Step::Escape, escape::decode),
        (Step::Entity, entity::decode),
        (Step::HexWord, hexword::decode),
    ]
}

fn round_traced(view: &mut Origins, next: &mut Origins) -> bool {
    let mut changed = false;
    for (_, undo) in undoings::<Origins>() {
        next.restart();
        if undo(&view.bytes, next) {
            next.through(view);
            std::mem::swap(view, next);
            changed = true;
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decodes_until_stable() {
        for (value, expected, how) in [
            ("plain value", None, ""),
            ("100%", None, ""),
            ("%253Cscript%253E", Some("<script>"), "percent"),
            ("%u003cscript\\x3e", Some("<script>"), "percent > escape"),
            ("&lt;svg%20onload&#61;1&gt;", Some("<svg onload=1>"), "percent > entity"),
            ("%26lt%3bb", Some("<b"), "percent > entity"),
            ("%25252525253C", Some("%253C"), "percent"),
            ("0x2e0x2E0x5cetc0x2fx", Some("..\\\\etc/x"), "hex-word"),
        ] {
            let mut steps = Steps::default();
            let mut decoder = Decoder::default();
            let found =
                decoder.decode(value.as_bytes(), &mut steps).map(|view| view.escape_ascii().to_string());
            assert_eq!((found.as_deref(), steps.to_string().as_str()), (expected, how), "{value}");
        }
    }

    #[test]
    fn finds_where_bytes_came_from() {
        for (value, offset, part, expected) in [
            ("a<b", 1, "<b", Some(vec![1, 2, 3])),
            ("a%3Cb", 1, "<b", Some(vec![1, 4, 5])),
            ("a%253Cb", 1, "<", Some(vec![1, 6])),
            ("PGI+", 0, "<b>", None),
        ] {
            assert_eq!(origins(value.as_bytes(), offset, part.as_bytes()), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn traces_what_it_decodes(value in "([%u&#;x0-9a-f\\\\{}ltg<]|%[23][0-9a-f]){0,40}") {
            let mut decoder = Decoder::default();
            let view = decoder.decode(value.as_bytes(), &mut Steps::default()).unwrap_or(value.as_bytes()).to_vec();
            let (traced, origins) = trace(value.as_bytes());
            prop_assert_eq!(&traced, &view);
            prop_assert_eq!(origins.len(), view.len());
            prop_assert!(origins.windows(2).all(|pair| pair[0] <= pair[1]));
            prop_assert!(origins.iter().all(|at| (*at as usize) < value.len()));
        }

        #[test]
        fn never_panics(value in any::<Vec<u8>>()) {
            Decoder::default().decode(&value, &mut Steps::default());
            let _ = trace(&value);
        }
    }
}
