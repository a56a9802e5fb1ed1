//! `t:cssDecode`: decodes CSS 2 escapes.
//!
//! ```text
//! SecRule ARGS "@contains javascript:" "id:1000,phase:2,deny,t:none,t:cssDecode"
//! ```
//! ModSecurity reference v3, "Transformation functions", `cssDecode`.


//! `\` and one to six hexadecimal digits become the byte of the last two (full-width ASCII, U+FF01 to
//! U+FF5E, becomes ASCII), and one white space after them is left out; `\` before a line feed goes with it;
//! before anything else, or at the end, it goes alone.
//! Unlike in ModSecurity v3 a NUL does not end the value.

use transaction::decode::percent::hex;

use super::is_space;

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    let first = memchr::memchr(b'\\', value)?;
    let mut out = value[..first].to_vec();
    out.reserve(value.len() - first);
    let mut rest = &value[first..];
    while let [byte, tail @ ..] = rest {
        rest = match (byte, tail) {
            (b'\\', tail) => escape(tail, &mut out),
            _ => {
                out.push(*byte);
                tail
            }
        };
    }
    Some(out)
}

/// Decodes what follows a backslash, and returns what follows that.
fn escape<'v>(text: &'v [u8], out: &mut Vec<u8>) -> &'v [u8] {
    let length = text.iter().take(DIGITS_MAX).take_while(|byte| byte.is_ascii_hexdigit()).count();
    match (text, length) {
        ([], _) => text,
        ([b'\n', rest @ ..], 0) => rest,
        ([byte, rest @ ..], 0) => {
            out.push(*byte);
            rest
        }
        _ => {
            let (digits, rest) = text.split_at(length);
            let number = digits.iter().filter_map(|digit| hex(*digit)).fold(0, |n, d| n << 4 | u32::from(d));
            out.push(super::low_byte(number));
            match rest {
                [space, after @ ..] if is_space(*space) => after,
                _ => rest,
            }
        }
    }
}

/// CSS 2.1 section 4.1.3.
const DIGITS_MAX: usize = 6;

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::CssDecode, &[
            (b"plain", b"plain"),
            (br"j\61v\000061script", b"javascript"),
            (br"\41 b\41  b", b"AbA b"),
            (b"a\\\nb", b"ab"),
            (br"\g\z", b"gz"),
            (br"a\", b"a"),
            (br"\ff41\0ff21\00ff5e", b"aA~"),
            (br"\1ff41", b"A"),
            (br"\4g", b"\x04g"),
            (br"\0000412", b"A2"),
            (b"\\41\tb", b"Ab"),
        ]);
    }
}
