//! `t:replaceNulls`: makes NUL bytes spaces.
//!
//! ```text
//! SecRule ARGS "@contains x" "id:1000,phase:2,deny,t:none,t:replaceNulls"
//! ```
//! ModSecurity reference v3, "Transformation functions", `replaceNulls`.


pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr(0, value)?;
    Some(value.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect())
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::ReplaceNulls, &[
            (b"abc", b"abc"),
            (b"a\0\0b", b"a  b"),
            (b"", b""),
        ]);
    }
}
