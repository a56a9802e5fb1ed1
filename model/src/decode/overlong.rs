//! UTF-8 of two to four bytes that spells an ASCII character, which RFC 3629 forbids and lenient decoders read.

use super::origin::{Sink, replace};

/// Undoes one level; other bytes stay.
pub(super) fn decode<S: Sink>(input: &[u8], out: &mut S) -> bool {
    let next = |rest: &[u8]| rest.iter().position(|byte| *byte >= 0xc0);
    let read = |rest: &[u8]| ascii(rest).map(|(character, length)| (u32::from(character), length));
    !input.is_ascii() && replace(input, out, next, read)
}

/// The ASCII character spelled at the start of `input`. Continuation bytes are read as leniently as the
/// decoders that fall for this do: only their low six bits count (`%c1%1c`).
fn ascii(input: &[u8]) -> Option<(u8, usize)> {
    match *input {
        [first @ (0xc0 | 0xc1), second, ..] => Some(((first & 1) << 6 | second & 0x3f, 2)),
        [0xe0, second @ (0x80 | 0x81), third, ..] => Some(((second & 1) << 6 | third & 0x3f, 3)),
        [0xf0, 0x80, third @ (0x80 | 0x81), fourth, ..] => Some(((third & 1) << 6 | fourth & 0x3f, 4)),
        _ => None,
    }
    .filter(|(character, _)| character.is_ascii_graphic() || *character == b' ')
}

#[cfg(test)]
mod tests {
    #[test]
    fn decodes() {
        for (input, expected) in [
            (&b"..\xc0\xaf"[..], Some(&b"../"[..])),
            (b"\xc0\xae\xe0\x80\xae\xf0\x80\x80\xae", Some(b"...")),
            (b"\xc1\x1c", Some(b"\\")),
            ("caf\u{e9}".as_bytes(), None),
            (b"\xe0\x80", None),
        ] {
            let mut out = Vec::new();
            let changed = super::decode(input, &mut out);
            assert_eq!(changed.then_some(out.as_slice()), expected, "{}", input.escape_ascii());
        }
    }
}
