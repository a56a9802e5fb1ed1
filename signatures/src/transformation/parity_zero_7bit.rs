//! `t:parityZero7bit`: clears the highest bit of each byte.
//!
//! ```text
//! SecRule ARGS "@contains x" "id:1000,phase:2,deny,t:none,t:parityZero7bit"
//! ```
//! ModSecurity reference v3, "Transformation functions", `parityZero7bit`.


pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    (!value.is_ascii()).then(|| value.iter().map(|byte| byte & 0x7f).collect())
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::ParityZero7bit, &[
            (b"abc", b"abc"),
            (b"a\xff\x80", b"a\x7f\0"),
            (b"", b""),
        ]);
    }
}
