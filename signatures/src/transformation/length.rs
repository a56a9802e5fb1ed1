//! `t:length`: writes how many bytes the value has, as a decimal number.
//!
//! ```text
//! SecRule REQUEST_HEADERS:Cookie "@gt 4096" "id:1000,phase:2,deny,t:none,t:length"
//! ```
//! ModSecurity reference v3, "Transformation functions", `length`.


pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    Some(value.len().to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::Length, &[
            (b"abc", b"3"),
            (b"\0\xc3\xa9 0123456", b"11"),
            (b"", b"0"),
        ]);
    }
}
