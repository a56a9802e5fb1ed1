//! `@streq`: the value is equal to the argument.
//!
//! The argument may have macros; case counts.
//!
//! ```text
//! SecRule REQUEST_METHOD "!@streq GET" "id:1000,phase:1,deny"
//! ```
//! ModSecurity reference v3, "Operators", `streq`.

pub(super) fn matches(value: &[u8], argument: &[u8]) -> bool {
    value == argument
}

#[cfg(test)]
mod tests {
    #[test]
    fn matches() {
        super::super::check::check(
            "streq",
            &[
                ("GET", "GET", Some("GET")),
                ("GET", "get", None),
                ("GET", "GET ", None),
                ("", "", Some("")),
                ("%{TX.word}", "admin", Some("admin")),
                ("%{tx.none}", "", Some("")),
            ],
        );
    }
}
