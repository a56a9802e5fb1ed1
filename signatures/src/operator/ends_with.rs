//! `@endsWith`: the value ends with the argument.
//!
//! The argument may have macros; case counts. The empty argument ends every value.
//!
//! ```text
//! SecRule REQUEST_HEADERS:Referer "!@endsWith .%{request_headers.host}" "id:1000,phase:1,deny"
//! ```
//! ModSecurity reference v3, "Operators", `endsWith`.

use std::ops::Range;

pub(super) fn find(value: &[u8], argument: &[u8]) -> Option<Range<usize>> {
    value.ends_with(argument).then(|| value.len() - argument.len()..value.len())
}

#[cfg(test)]
mod tests {
    #[test]
    fn matches() {
        super::super::check::check(
            "endsWith",
            &[
                (".example.com", "www.example.com", Some(".example.com")),
                (".example.com", "www.EXAMPLE.com", None),
                (".example.com", "com", None),
                ("", "x", Some("")),
                (".%{tx.word}", "a.admin", Some(".admin")),
            ],
        );
    }
}
