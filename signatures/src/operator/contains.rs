//! `@contains` and `@strmatch`: the argument is somewhere in the value.
//!
//! The argument may have macros; case counts. The empty argument is in every value. `@strmatch` is the
//! same search with another algorithm in ModSecurity 2, and the same operator here.
//!
//! ```text
//! SecRule REQUEST_LINE "@contains .php" "id:1000,phase:1,deny"
//! ```
//! ModSecurity reference v3, "Operators", `contains`, `strmatch`.

use std::ops::Range;

pub(super) fn find(value: &[u8], argument: &[u8]) -> Option<Range<usize>> {
    memchr::memmem::find(value, argument).map(|at| at..at + argument.len())
}

#[cfg(test)]
mod tests {
    #[test]
    fn matches() {
        for name in ["contains", "strmatch"] {
            super::super::check::check(
                name,
                &[
                    (".php", "/a.php?b", Some(".php")),
                    (".php", "/a.PHP?b", None),
                    ("abc", "ababc", Some("abc")),
                    ("abc", "", None),
                    ("", "", Some("")),
                    ("%{tx.word}/", "/admin/", Some("admin/")),
                ],
            );
        }
    }
}
