//! `t:trim`: leaves out white space at both ends.
//!
//! ```text
//! SecRule ARGS "@rx ^x" "id:1000,phase:2,deny,t:none,t:trim"
//! ```
//! ModSecurity reference v3, "Transformation functions", `trim`.


//! White space is what C's `isspace` takes for it.

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    let kept = super::trim_left::trimmed(super::trim_right::trimmed(value));
    (kept.len() < value.len()).then(|| kept.to_vec())
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::Trim, &[
            (b"  a b\x0b\t\n", b"a b"),
            (b"  ", b""),
            (b"a", b"a"),
            (b"\xa0a\0", b"\xa0a\0"),
            (b"", b""),
        ]);
    }
}
