//! `\u0041`, `\x41`, `\u{41}`: string escapes of JSON and ECMAScript.

use super::origin::{Sink, find, hex_number, replace};

/// Undoes one level; a backslash before anything else stays, because paths have them.
pub(super) fn decode<S: Sink>(input: &[u8], out: &mut S) -> bool {
    replace(input, out, |rest| find(b'\\', rest), escape)
}

fn escape(rest: &[u8]) -> Option<(u32, usize)> {
    match rest {
        [b'\\', b'u', b'{', ..] => braced(rest),
        [b'\\', b'u', ..] => Some((hex_number(rest, 2, 4)?, 6)),
        [b'\\', b'x', ..] => Some((hex_number(rest, 2, 2)?, 4)),
        _ => None,
    }
}

fn braced(rest: &[u8]) -> Option<(u32, usize)> {
    let digits = rest.get(3..)?.iter().take(6).take_while(|byte| byte.is_ascii_hexdigit()).count();
    let closed = digits > 0 && rest.get(3 + digits) == Some(&b'}');
    closed.then_some((hex_number(rest, 3, digits)?, digits + 4))
}
