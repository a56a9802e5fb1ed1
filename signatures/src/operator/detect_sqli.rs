//! `@detectSQLi`: libinjection finds SQL injection in the value.
//!
//! No argument. With `capture`, `TX:0` becomes the fingerprint of the injection.
//!
//! ```text
//! SecRule ARGS "@detectSQLi" "id:942100,phase:2,capture,t:urlDecodeUni,block"
//! ```
//! ModSecurity reference v3, "Operators", `detectSQLi`.

use super::Captures;
use crate::libinjection::sqli;

pub(super) fn matches(value: &[u8], captures: Option<&mut Captures>) -> bool {
    let Some(fingerprint) = sqli::detect(value) else { return false };
    if let Some(captures) = captures {
        captures.set(fingerprint.as_ref());
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::check::{captured, check};

    #[test]
    fn matches() {
        check(
            "detectSQLi",
            &[
                ("", "1' or '1'='1", Some("1' or '1'='1")),
                ("", "1 union select 1", Some("1 union select 1")),
                ("", "O'Reilly & sons", None),
                ("", "", None),
            ],
        );
        assert_eq!(captured("detectSQLi", "", "1' or '1'='1"), [Some("s&sos".to_owned())]);
        assert!(captured("detectSQLi", "", "plain").is_empty());
    }
}
