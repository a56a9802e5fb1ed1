//! Operators of the reference that we refuse, each with the reason and what to do instead.

use super::OperatorError;

/// The refusal of an operator that ModSecurity has and we do not.
pub(super) fn refusal(name: &str) -> Option<OperatorError> {
    let (name, why, instead) = REFUSED.iter().find(|(refused, ..)| refused.eq_ignore_ascii_case(name))?;
    Some(
        OperatorError::new("unsupported-operator", format!("`@{name}` is not supported: {why}"))
            .help((*instead).to_owned()),
    )
}

/// Name, why, and the way out.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "fuzzyHash",
        "it needs a database of ssdeep hashes",
        "scan uploads in the application or with an anti-virus",
    ),
    (
        "geoLookup",
        "it reads a database while rules run",
        "use `@ipMatchFromFile` with the networks of the country",
    ),
    ("gsbLookup", "Google Safe Browsing's local database is discontinued", "remove the rule"),
    ("inspectFile", "it runs a program while a request waits", "scan uploads in the application"),
    ("rbl", "it asks a DNS server while a request waits", "use `@ipMatchFromFile` with a list of addresses"),
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
        for (name, ..) in REFUSED {
            let error = refusal(name, "x");
            assert_eq!(error.code, "unsupported-operator");
            assert!(error.message.contains(name) && error.help.is_some(), "{name}");
        }
    }
}
