//! `%41` and `%u0041`.

use super::origin::{Sink, find, hex_number, replace};

/// Undoes one level; what is no escape stays.
pub(super) fn decode<S: Sink>(input: &[u8], out: &mut S) -> bool {
    replace(input, out, |rest| find(b'%', rest), escape)
}

/// The character that an escape spells at the start of `rest`, and how many bytes do.
fn escape(rest: &[u8]) -> Option<(u32, usize)> {
    match rest {
        [b'%', b'u' | b'U', ..] => Some((hex_number(rest, 2, 4)?, 6)),
        [b'%', ..] => Some((hex_number(rest, 1, 2)?, 3)),
        _ => None,
    }
}
