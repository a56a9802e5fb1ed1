//! `t:jsDecode`: decodes JavaScript escapes.
//!
//! ```text
//! SecRule ARGS "@contains alert(" "id:1000,phase:2,deny,t:none,t:jsDecode"
//! ```
//! ModSecurity reference v3, "Transformation functions", `jsDecode`.
//!
//! `\uHHHH` becomes its low byte (full-width ASCII becomes ASCII), `\xHH` and `\OOO` (octal up to 377) a byte,
//! `\a \b \f \n \r \t \v` control characters; of any other escape the backslash is left out. A backslash at
//! the end stays.

use transaction::decode::percent::hex;

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    super::unescape(value, escape)
}

/// What the escape `\letter` becomes, and what follows it.
fn escape<'v>(letter: u8, text: &'v [u8], after: &'v [u8]) -> (u8, &'v [u8]) {
    match (letter, after) {
        (b'u', [a, b, c, d, rest @ ..]) => match super::code_point([*a, *b, *c, *d]) {
            Some(number) => (super::low_byte(number), rest),
            None => (letter, after),
        },
        (b'x', [high, low, rest @ ..]) => match (hex(*high), hex(*low)) {
            (Some(high), Some(low)) => (high << 4 | low, rest),
            _ => (letter, after),
        },
        (b'0'..=b'7', _) => octal(text),
        (b'a', _) => (0x07, after),
        (b'b', _) => (0x08, after),
        (b'f', _) => (0x0c, after),
        (b'n', _) => (b'\n', after),
        (b'r', _) => (b'\r', after),
        (b't', _) => (b'\t', after),
        (b'v', _) => (0x0b, after),
        _ => (letter, after),
    }
}

/// One to three octal digits, as many as make a byte.
fn octal(text: &[u8]) -> (u8, &[u8]) {
    let length = text.iter().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
    let length = if length == 3 && text[0] > b'3' { 2 } else { length };
    let (digits, rest) = text.split_at(length);
    (digits.iter().fold(0, |number, digit| number << 3 | (digit - b'0')), rest)
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::JsDecode, &[
            (b"plain", b"plain"),
            (br"\u0041\x41\101\n\a\z", b"AAA\n\x07z"),
            (br"\uff41\u1241", b"aA"),
            (br"\x4\u004", b"x4u004"),
            (br"\400\377\378\8", b" 0\xff\x1f88"),
            (br"\1\12\129", b"\x01\n\n9"),
            (br"a\", br"a\"),
        ]);
    }
}
