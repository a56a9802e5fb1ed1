//! `0x2e0x2e0x5c`: dots and slashes as numbers, which some path parsers read.

use super::origin::{Sink, replace};

/// Undoes one level; other numbers stay.
pub(super) fn decode<S: Sink>(input: &[u8], out: &mut S) -> bool {
    replace(input, out, next, |rest| character(rest).map(|character| (u32::from(character), 4)))
}

/// Whether there is anything to undo.
pub(crate) fn has_any(input: &[u8]) -> bool {
    next(input).is_some()
}

fn next(input: &[u8]) -> Option<usize> {
    let mut numbers = memchr::memchr2_iter(b'x', b'X', input).filter_map(|at| at.checked_sub(1));
    numbers.find(|at| character(&input[*at..]).is_some())
}

fn character(rest: &[u8]) -> Option<u8> {
    match rest.get(..4)? {
        [b'0', b'x' | b'X', b'2', b'e' | b'E'] => Some(b'.'),
        [b'0', b'x' | b'X', b'2', b'f' | b'F'] => Some(b'/'),
        [b'0', b'x' | b'X', b'5', b'c' | b'C'] => Some(b'\\'),
        _ => None,
    }
}
