//! `@containsWord`: the argument is in the value, as a word.
//!
//! A word ends where no ASCII letter follows and begins where none precedes; digits and `_` divide words,
//! as in ModSecurity v3. The argument may have macros; case counts. The empty argument is in every value.
//!
//! ```text
//! SecRule ARGS "@containsWord select" "id:1000,phase:2,deny"
//! ```
//! ModSecurity reference v3, "Operators", `containsWord`.

use std::ops::Range;

pub(super) fn find(value: &[u8], argument: &[u8]) -> Option<Range<usize>> {
    if argument.is_empty() {
        return Some(0..0);
    }
    let divides = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphabetic());
    let words = memchr::memmem::Finder::new(argument);
    let mut from = 0;
    while let Some(at) = words.find(value.get(from..)?) {
        let word = from + at..from + at + argument.len();
        let before = word.start.checked_sub(1).and_then(|at| value.get(at));
        if divides(before) && divides(value.get(word.end)) {
            return Some(word);
        }
        // Where one word ends wrongly the next can begin at its second byte at the earliest. A search
        // costs what it advances and at most one argument more, and macros are short.
        from = word.start + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    #[test]
    fn matches() {
        super::super::check::check(
            "containsWord",
            &[
                ("select", "select", Some("select")),
                ("select", "a select b", Some("select")),
                ("select", "selected", None),
                ("select", "preselect", None),
                ("select", "selected select", Some("select")),
                ("select", "1select2", Some("select")),
                ("select", "Select", None),
                ("aa", "aaa", None),
                ("select", "", None),
                ("", "x", Some("")),
                ("%{tx.word}", "the admin.", Some("admin")),
            ],
        );
    }
}
