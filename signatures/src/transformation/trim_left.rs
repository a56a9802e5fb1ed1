//! `t:trimLeft`: leaves out white space at the start.
//!
//! ```text
//! SecRule ARGS "@rx ^x" "id:1000,phase:2,deny,t:none,t:trimLeft"
//! ```
//! ModSecurity reference v3, "Transformation functions", `trimLeft`.


//! White space is what C's `isspace` takes for it.

use super::is_space;

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    let kept = trimmed(value);
    (kept.len() < value.len()).then(|| kept.to_vec())
}

pub(super) fn trimmed(value: &[u8]) -> &[u8] {
    let start = value.iter().position(|byte| !is_space(*byte)).unwrap_or(value.len());
    &value[start..]
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::TrimLeft, &[
            (b" \x0b a b ", b"a b "),
            (b"  ", b""),
            (b"a", b"a"),
            (b"", b""),
        ]);
    }
}
