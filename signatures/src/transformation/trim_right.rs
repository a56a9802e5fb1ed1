//! `t:trimRight`: leaves out white space at the end.
//!
//! ```text
//! SecRule ARGS "@rx x$" "id:1000,phase:2,deny,t:none,t:trimRight"
//! ```
//! ModSecurity reference v3, "Transformation functions", `trimRight`.


//! White space is what C's `isspace` takes for it.

use super::is_space;

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    let kept = trimmed(value);
    (kept.len() < value.len()).then(|| kept.to_vec())
}

pub(super) fn trimmed(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|byte| !is_space(*byte)).map_or(0, |last| last + 1);
    &value[..end]
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::TrimRight, &[
            (b" a b \x0b ", b" a b"),
            (b"  ", b""),
            (b"a", b"a"),
            (b"", b""),
        ]);
    }
}
