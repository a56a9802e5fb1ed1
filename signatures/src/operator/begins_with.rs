//! `@beginsWith`: the value begins with the argument.
//!
//! The argument may have macros; case counts. The empty argument begins every value.
//!
//! ```text
//! SecRule REQUEST_LINE "!@beginsWith GET" "id:1000,phase:1,deny"
//! ```
//! ModSecurity reference v3, "Operators", `beginsWith`.

use std::ops::Range;

pub(super) fn find(value: &[u8], argument: &[u8]) -> Option<Range<usize>> {
    value.starts_with(argument).then_some(0..argument.len())
}

#[cfg(test)]
mod tests {
    #[test]
    fn matches() {
        super::super::check::check(
            "beginsWith",
            &[
                ("/admin", "/admin/x", Some("/admin")),
                ("/admin", "/Admin/x", None),
                ("/admin", "/adm", None),
                ("", "x", Some("")),
                ("%{tx.word}!", "admin!!", Some("admin!")),
            ],
        );
    }
}
