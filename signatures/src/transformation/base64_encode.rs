//! `t:base64Encode`: encodes in Base64 (RFC 4648 section 4), with padding.
//!
//! ```text
//! SecRule ARGS:data "@streq YWJj" "id:1000,phase:2,deny,t:none,t:base64Encode"
//! ```
//! ModSecurity reference v3, "Transformation functions", `base64Encode`.


use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    Some(STANDARD.encode(value).into_bytes())
}

/// The six bits of a Base64 digit.
pub(super) const fn sextet(digit: u8) -> Option<u32> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    } as u32)
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::Base64Encode, &[
            (b"abc", b"YWJj"),
            (b"a", b"YQ=="),
            (b"\xff\xfe", b"//4="),
            (b"", b""),
        ]);
    }
}
