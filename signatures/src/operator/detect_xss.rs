//! `@detectXSS`: libinjection finds cross-site scripting in the value.
//!
//! No argument. With `capture`, `TX:0` becomes the value.
//!
//! ```text
//! SecRule ARGS "@detectXSS" "id:941100,phase:2,capture,t:urlDecodeUni,block"
//! ```
//! ModSecurity reference v3, "Operators", `detectXSS`.

use super::Captures;
use crate::libinjection::xss;

pub(super) fn matches(value: &[u8], captures: Option<&mut Captures>) -> bool {
    let found = xss::detect(value);
    if let (true, Some(captures)) = (found, captures) {
        captures.set(value);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::check::{captured, check};

    #[test]
    fn matches() {
        check(
            "detectXSS",
            &[
                ("", "<script>", Some("<script>")),
                ("", "x' onclick=y", Some("x' onclick=y")),
                ("", "a < b and b > c", None),
                ("", "", None),
            ],
        );
        assert_eq!(captured("detectXSS", "", "a <svg>"), [Some("a <svg>".to_owned())]);
        assert!(captured("detectXSS", "", "plain").is_empty());
    }
}
