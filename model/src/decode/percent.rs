//! `%41` and `%u0041`.

use super::origin::{Sink, hex_number, push_char};

/// Undoes one level; what is no escape stays.
pub(super) fn decode<S: Sink>(input: &[u8], out: &mut S) -> bool {
    if !input.contains(&b'%') {
        return false;
    }
    let (mut at, mut changed) = (0, false);
    while let Some(byte) = input.get(at) {
        let escaped = if *byte == b'%' { escape(input, at) } else { None };
        match escaped {
            Some((code, length)) => {
                push_char(out, code, at);
                at += length;
                changed = true;
            }
            None => {
                out.push(*byte, at);
                at += 1;
            }
        }
    }
    changed
}

/// The character that the `%` at `at` begins, and how many bytes spell it.
fn escape(input: &[u8], at: usize) -> Option<(u32, usize)> {
    match input.get(at + 1)? {
        b'u' | b'U' => Some((hex_number(input, at + 2, 4)?, 6)),
        _ => Some((hex_number(input, at + 1, 2)?, 3)),
    }
}
