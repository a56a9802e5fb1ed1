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
    let is_compressed = |pair: &[u8]| !(pair[0] == b' ' && is_space(pair[1]));
    if !value.iter().any(|byte| is_space(*byte) && *byte != b' ') && value.windows(2).all(is_compressed) {
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
