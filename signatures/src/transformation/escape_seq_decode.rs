//! `t:escapeSeqDecode`: decodes ANSI C escapes.
//!
//! ```text
//! SecRule ARGS "@contains /etc/passwd" "id:1000,phase:2,deny,t:none,t:escapeSeqDecode"
//! ```
//! ModSecurity reference v3, "Transformation functions", `escapeSeqDecode`.


//! `\a \b \f \n \r \t \v \\ \? \' \"`, `\xHH` and `\OOO` (octal, one to three digits, modulo 256); of any
//! other escape the backslash is left out. A backslash at the end stays.

use transaction::decode::percent::hex;

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    super::unescape(value, escape)
}

/// What the escape `\letter` becomes, and what follows it.
fn escape<'v>(letter: u8, text: &'v [u8], after: &'v [u8]) -> (u8, &'v [u8]) {
    match (letter, after) {
        (b'a', _) => (0x07, after),
        (b'b', _) => (0x08, after),
        (b'f', _) => (0x0c, after),
        (b'n', _) => (b'\n', after),
        (b'r', _) => (b'\r', after),
        (b't', _) => (b'\t', after),
        (b'v', _) => (0x0b, after),
        (b'x' | b'X', [high, low, rest @ ..]) => match (hex(*high), hex(*low)) {
            (Some(high), Some(low)) => (high << 4 | low, rest),
            _ => (letter, after),
        },
        (b'0'..=b'7', _) => octal(text),
        _ => (letter, after),
    }
}

/// One to three octal digits.
fn octal(text: &[u8]) -> (u8, &[u8]) {
    let length = text.iter().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
    let (digits, rest) = text.split_at(length);
    (digits.iter().fold(0_u8, |number, digit| number.wrapping_mul(8).wrapping_add(digit - b'0')), rest)
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::EscapeSeqDecode, &[
            (b"plain", b"plain"),
            (br#"\a\b\f\n\r\t\v\\\?\'\""#, b"\x07\x08\x0c\n\r\t\x0b\\?'\""),
            (br"\x41\x4\xzz", b"Ax4xzz"),
            (br"\101\12\0\400\777\9", b"A\n\0\0\xff9"),
            (br"\1\08", b"\x01\08"),
            (br"\z\q", b"zq"),
            (br"a\", br"a\"),
        ]);
    }
}
