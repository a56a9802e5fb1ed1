//! `t:hexEncode`: writes each byte as two hexadecimal digits, lower case.
//!
//! ```text
//! SecRule REMOTE_ADDR "@rx ^31" "id:1000,phase:2,deny,t:none,t:hexEncode"
//! ```
//! ModSecurity reference v3, "Transformation functions", `hexEncode`.


pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    Some(value.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).collect())
}

pub(super) const DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::HexEncode, &[
            (b"\0a\xff", b"0061ff"),
            (b"", b""),
        ]);
    }
}
