//! `t:lowercase`: folds ASCII upper case.
//!
//! ```text
//! SecRule REQUEST_METHOD "@streq get" "id:1000,phase:2,deny,t:none,t:lowercase"
//! ```
//! ModSecurity reference v3, "Transformation functions", `lowercase`.


pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    value.iter().any(u8::is_ascii_uppercase).then(|| value.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::Lowercase, &[
            (b"abc", b"abc"),
            (b"aBC\xc0", b"abc\xc0"),
            (b"", b""),
        ]);
    }
}
