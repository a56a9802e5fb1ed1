//! `t:utf8toUnicode`: writes characters outside of ASCII as `%uHHHH`.
//!
//! ```text
//! SecRule ARGS "@contains %u201c" "id:1000,phase:2,deny,t:none,t:utf8toUnicode"
//! ```
//! ModSecurity reference v3, "Transformation functions", `utf8toUnicode`.


//! For `t:urlDecodeUni` after it. Characters beyond U+FFFF have five or six digits. Overlong forms are decoded
//! too (`C0 AF` becomes `%u002f`), as attacks are written with them, and so are surrogates; what is not UTF-8
//! stays. ModSecurity v3 also leaves the first byte of an overlong form, and loses NUL and some bytes that are
//! not UTF-8.

use std::io::Write as _;

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    let first = value.iter().position(|byte| !byte.is_ascii())?;
    let mut out = value[..first].to_vec();
    let mut rest = &value[first..];
    while let [byte, tail @ ..] = rest {
        rest = match character(rest) {
            Some((number, after)) => {
                // Writing into memory cannot fail.
                let _ = write!(out, "%u{number:04x}");
                after
            }
            None => {
                out.push(*byte);
                tail
            }
        };
    }
    Some(out)
}

/// A character of two to four bytes, and what follows it.
fn character(text: &[u8]) -> Option<(u32, &[u8])> {
    let lead = *text.first()?;
    let (length, bits) = match lead {
        0xc0..=0xdf => (2, lead & 0x1f),
        0xe0..=0xef => (3, lead & 0x0f),
        0xf0..=0xf4 => (4, lead & 0x07),
        _ => return None,
    };
    let (character, rest) = text.split_at_checked(length)?;
    let number = character[1..].iter().try_fold(u32::from(bits), |number, byte| {
        (byte & 0xc0 == 0x80).then_some(number << 6 | u32::from(byte & 0x3f))
    })?;
    Some((number, rest))
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::Utf8ToUnicode, &[
            (b"plain\0", b"plain\0"),
            ("aé€😀".as_bytes(), b"a%u00e9%u20ac%u1f600"),
            (b"\xc0\xaf\xed\xa0\x80", b"%u002f%ud800"),
            (b"\xff\x80\xc3\xe2\x82", b"\xff\x80\xc3\xe2\x82"),
            (b"", b""),
        ]);
    }
}
