//! `t:uppercase`: raises ASCII lower case.
//!
//! ```text
//! SecRule REQUEST_METHOD "@streq GET" "id:1000,phase:2,deny,t:none,t:uppercase"
//! ```
//! ModSecurity reference v3, "Transformation functions", `uppercase`.


pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    value.iter().any(u8::is_ascii_lowercase).then(|| value.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::Uppercase, &[
            (b"ABC", b"ABC"),
            (b"aBc\xe0", b"ABC\xe0"),
            (b"", b""),
        ]);
    }
}
