//! `t:hexDecode`: decodes pairs of hexadecimal digits.
//!
//! ```text
//! SecRule ARGS:data "@contains select" "id:1000,phase:2,deny,t:none,t:hexDecode"
//! ```
//! ModSecurity reference v3, "Transformation functions", `hexDecode`.


//! Nothing is checked, as in ModSecurity: other bytes count as the digits that its arithmetic makes of them,
//! and a byte without a partner at the end is left out.

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    Some(value.chunks_exact(2).map(|pair| digit(pair[0]).wrapping_mul(16).wrapping_add(digit(pair[1]))).collect())
}

/// ModSecurity's `x2c` for one digit.
fn digit(byte: u8) -> u8 {
    if byte >= b'A' { (byte & 0xdf).wrapping_sub(b'A').wrapping_add(10) } else { byte.wrapping_sub(b'0') }
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::HexDecode, &[
            (b"4142fF", b"AB\xff"),
            (b"414", b"A"),
            (b"4g42", b"PB"),
            (b"zz", b"S"),
            (b"", b""),
        ]);
    }
}
