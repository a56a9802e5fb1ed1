//! `0x2e0x2e0x5c`: dots and slashes as numbers, which some path parsers read.

use super::origin::{Sink, replace};

/// Undoes one level; other numbers stay.
pub(super) fn decode<S: Sink>(input: &[u8], out: &mut S) -> bool {
    has_any(input) && replace(input, out, |rest| character(rest).map(|character| (u32::from(character), 4)))
}

/// Whether there is anything to undo.
pub(crate) fn has_any(input: &[u8]) -> bool {
    let marks = memchr::memchr2_iter(b'x', b'X', input);
    marks.filter_map(|at| input.get(at.checked_sub(1)?..)).any(|word| character(word).is_some())
}

fn character(rest: &[u8]) -> Option<u8> {
    match rest.get(..4)? {
        [b'0', b'x' | b'X', b'2', b'e' | b'E'] => Some(b'.'),
        [b'0', b'x' | b'X', b'2', b'f' | b'F'] => Some(b'/'),
        [b'0', b'x' | b'X', b'5', b'c' | b'C'] => Some(b'\\'),
        _ => None,
    }
}
