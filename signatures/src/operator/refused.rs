//! Operators of the reference that we do not do, each with the reason and what to do instead.
//!
//! Two kinds: those that a rule depends on are refused; those that ask a database which may be absent match
//! nothing, as in ModSecurity when it has none, and the loader warns of them.

use super::OperatorError;

/// The refusal of an operator that ModSecurity has and we do not.
pub(super) fn refusal(name: &str) -> Option<OperatorError> {
    let find = |table: &'static [Row]| table.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
    let (code, what, row) = match (find(REFUSED), find(UNAVAILABLE)) {
        (Some(row), _) => ("unsupported-operator", "is not supported", row),
        (None, Some(row)) => (OperatorError::UNAVAILABLE, "never matches here", row),
        (None, None) => return None,
    };
    let (name, why, instead) = row;
    Some(OperatorError::new(code, format!("`@{name}` {what}: {why}")).help(*instead))
}

/// All of them: name, why, and whether a rule with it is loaded and never matches.
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    let rows = |table: &'static [Row], never_matches| {
        table.iter().map(move |(name, why, _)| (*name, *why, never_matches))
    };
    rows(UNAVAILABLE, true).chain(rows(REFUSED, false))
}

/// Name, why, and the way out.
type Row = (&'static str, &'static str, &'static str);

const UNAVAILABLE: &[Row] = &[(
    "geoLookup",
    "there is no database yet",
    "name one by `SecGeoLookupDB` before the rule, or use `@ipMatchFromFile` with the networks of the country",
)];

const REFUSED: &[Row] = &[
    (
        "fuzzyHash",
        "it needs a database of ssdeep hashes",
        "scan uploads in the application or with an anti-virus",
    ),
    ("gsbLookup", "Google Safe Browsing's local database is discontinued", "remove the rule"),
    ("inspectFile", "it runs a program while a request waits", "scan uploads in the application"),
    ("rsub", "it changes the value, and rules only look", "match with `@rx` and decode with transformations"),
    (
        "validateDTD",
        "document types are never read, as they can name files and hosts",
        "validate in the application",
    ),
    ("validateHash", "hashes are not put into responses", "remove the rule and the `SecHash` directives"),
    ("validateSchema", "schemas are not read", "validate in the application"),
];

#[cfg(test)]
mod tests {
    use super::super::check::refusal;
    use super::*;

    #[test]
    fn refusals_say_what_to_do_instead() {
        let codes = [(REFUSED, "unsupported-operator"), (UNAVAILABLE, "unavailable-operator")];
        for (table, code) in codes {
            for (name, ..) in table {
                let error = refusal(name, "x");
                assert_eq!(error.code, code);
                assert!(error.message.contains(name) && error.help.is_some(), "{name}");
            }
        }
    }
}
