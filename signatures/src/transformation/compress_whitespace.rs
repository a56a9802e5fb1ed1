//! `t:compressWhitespace`: makes runs of white space one space.
//!
//! ```text
//! SecRule ARGS "@contains union select" "id:1000,phase:2,deny,t:none,t:compressWhitespace"
//! ```
//! ModSecurity reference v3, "Transformation functions", `compressWhitespace`.


//! White space is what C's `isspace` takes for it: space, tab, line feed, vertical tab, form feed, carriage
//! return.

use super::is_space;

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    if !is_touched(value) {
        return None;
    }
    let mut out = Vec::with_capacity(value.len());
    let mut space = false;
    for byte in value {
        if !is_space(*byte) {
            out.push(*byte);
        } else if !space {
            out.push(b' ');
        }
        space = is_space(*byte);
    }
    Some(out)
}

/// Whether there is white space other than single spaces. Looks at all bytes, many at a time.
fn is_touched(value: &[u8]) -> bool {
    let other = value.iter().fold(false, |found, byte| found | (byte.wrapping_sub(b'\t') <= b'\r' - b'\t'));
    let after = value.get(1..).unwrap_or_default();
    other | value.iter().zip(after).fold(false, |found, (a, b)| found | ((*a == b' ') & (*b == b' ')))
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::CompressWhitespace, &[
            (b"a b", b"a b"),
            (b"a  b\t\n\x0b\x0c\rc ", b"a b c "),
            (b"\ta", b" a"),
            (b"a\xa0\xa0b", b"a\xa0\xa0b"),
            (b"", b""),
        ]);
    }
}
