//! `@within`: the value is somewhere in the argument.
//!
//! The argument may have macros; case counts. Nothing divides the argument into words: a list wants
//! separators that are part of the value too, as CRS writes it. The empty value is within everything.
//!
//! ```text
//! SecRule REQUEST_METHOD "!@within %{tx.allowed_methods}" "id:911100,phase:1,block"
//! ```
//! ModSecurity reference v3, "Operators", `within`.

pub(super) fn matches(value: &[u8], argument: &[u8]) -> bool {
    memchr::memmem::find(argument, value).is_some()
}

#[cfg(test)]
mod tests {
    #[test]
    fn matches() {
        super::super::check::check(
            "within",
            &[
                ("GET HEAD POST", "POST", Some("POST")),
                ("GET HEAD POST", "PUT", None),
                ("GET HEAD POST", "post", None),
                ("GET HEAD POST", "", Some("")),
                ("", "x", None),
                ("|%{tx.word}|", "|admin|", Some("|admin|")),
            ],
        );
    }
}
