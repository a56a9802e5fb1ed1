//! `t:urlEncode`: encodes as `application/x-www-form-urlencoded`, lower case digits.
//!
//! ```text
//! SecRule ARGS "@contains x" "id:1000,phase:2,deny,t:none,t:urlEncode"
//! ```
//! ModSecurity reference v3, "Transformation functions", `urlEncode`.


//! Letters, digits and `*` stay, a space becomes `+`, all else `%xx`.

use super::hex_encode::DIGITS;

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    for byte in value {
        match byte {
            b' ' => out.push(b'+'),
            b'*' => out.push(b'*'),
            _ if byte.is_ascii_alphanumeric() => out.push(*byte),
            _ => out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::UrlEncode, &[
            (b"plain*9", b"plain*9"),
            (b"a b/\xff-", b"a+b%2f%ff%2d"),
            (b"", b""),
        ]);
    }
}
