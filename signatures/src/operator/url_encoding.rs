//! `@validateUrlEncoding`: a `%` in the value is not followed by two hexadecimal digits.
//!
//! No argument. It matches at the first such `%`.
//!
//! ```text
//! SecRule REQUEST_URI_RAW "@validateUrlEncoding" "id:920220,phase:1,block"
//! ```
//! ModSecurity reference v3, "Operators", `validateUrlEncoding`.

use std::ops::Range;

pub(super) fn find_invalid(value: &[u8]) -> Option<Range<usize>> {
    memchr::memchr_iter(b'%', value).find_map(|at| {
        let digits = value.get(at + 1..).unwrap_or_default();
        let digits = &digits[..digits.len().min(2)];
        let valid = digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit);
        (!valid).then_some(at..at + 1 + digits.len())
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn matches() {
        super::super::check::check(
            "validateUrlEncoding",
            &[
                ("", "", None),
                ("", "a%20b%Ff", None),
                ("", "a%2", Some("%2")),
                ("", "a%", Some("%")),
                ("", "%20%zz", Some("%zz")),
                ("", "%%20", Some("%%2")),
                ("", "%u0041", Some("%u0")),
            ],
        );
    }
}
