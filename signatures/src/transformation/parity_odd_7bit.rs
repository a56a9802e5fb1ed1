//! `t:parityOdd7bit`: makes the number of one bits of each byte odd by its highest bit.
//!
//! ```text
//! SecRule ARGS "@contains x" "id:1000,phase:2,deny,t:none,t:parityOdd7bit"
//! ```
//! ModSecurity reference v3, "Transformation functions", `parityOdd7bit`.


//! The highest bit is counted too before it is set, as in ModSecurity: it is meant for bytes below 128.

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    let with_parity = |byte: &u8| {
        let is_odd = byte.count_ones() % 2 == 1;
        if !is_odd { byte | 0x80 } else { byte & 0x7f }
    };
    Some(value.iter().map(with_parity).collect())
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::ParityOdd7bit, &[
            (b"abc", b"ab\xe3"),
            (b"\xff\x80", b"\xff\0"),
            (b"", b""),
        ]);
    }
}
