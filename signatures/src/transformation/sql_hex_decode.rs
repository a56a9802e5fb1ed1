//! `t:sqlHexDecode`: decodes SQL hexadecimal literals: `0x414243` becomes `ABC`.
//!
//! ```text
//! SecRule ARGS "@contains select" "id:1000,phase:2,deny,t:none,t:sqlHexDecode"
//! ```
//! ModSecurity reference v3, "Transformation functions", `sqlHexDecode`.


//! As many pairs of digits as follow `0x`; without one it stays. Unlike ModSecurity v3 the value is not cut at
//! a NUL that comes of it, and no digit is lost after a `0x` that is no literal.

use transaction::decode::percent::hex;

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [byte, tail @ ..] = rest {
        rest = match rest {
            [b'0', b'x' | b'X', digits @ ..] if pair(digits).is_some() => literal(digits, &mut out),
            _ => {
                out.push(*byte);
                tail
            }
        };
    }
    Some(out)
}

/// Decodes pairs while there are, and returns what follows.
fn literal<'v>(mut digits: &'v [u8], out: &mut Vec<u8>) -> &'v [u8] {
    while let Some(byte) = pair(digits) {
        out.push(byte);
        digits = &digits[2..];
    }
    digits
}

fn pair(text: &[u8]) -> Option<u8> {
    let [high, low, ..] = text else { return None };
    Some(hex(*high)? << 4 | hex(*low)?)
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::SqlHexDecode, &[
            (b"plain", b"plain"),
            (b"0x414243", b"ABC"),
            (b"x0X4142y", b"xABy"),
            (b"0x41424", b"AB4"),
            (b"0xzz", b"0xzz"),
            (b"0x4", b"0x4"),
            (b"a 0x00 b", b"a \0 b"),
            (b"0x41 0x42", b"A B"),
            (b"00x41", b"0A"),
            (b"", b""),
        ]);
    }
}
