//! `\u0041`, `\x41`, `\u{41}`: string escapes of JSON and ECMAScript.

use super::origin::{Sink, hex_number, push_char};

/// Undoes one level; a backslash before anything else stays, because paths have them.
pub(super) fn decode<S: Sink>(input: &[u8], out: &mut S) -> bool {
    if !input.contains(&b'\\') {
        return false;
    }
    let (mut at, mut changed) = (0, false);
    while let Some(byte) = input.get(at) {
        let escaped = if *byte == b'\\' { escape(input, at) } else { None };
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

fn escape(input: &[u8], at: usize) -> Option<(u32, usize)> {
    match input.get(at + 1)? {
        b'u' if input.get(at + 2) == Some(&b'{') => braced(input, at),
        b'u' => Some((hex_number(input, at + 2, 4)?, 6)),
        b'x' => Some((hex_number(input, at + 2, 2)?, 4)),
        _ => None,
    }
}

fn braced(input: &[u8], at: usize) -> Option<(u32, usize)> {
    let digits = input.get(at + 3..)?.iter().take(6).take_while(|byte| byte.is_ascii_hexdigit()).count();
    let closed = digits > 0 && input.get(at + 3 + digits) == Some(&b'}');
    closed.then_some((hex_number(input, at + 3, digits)?, digits + 4))
}
