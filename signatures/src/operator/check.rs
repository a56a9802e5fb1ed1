//! The one check function that tests of operators share.

use super::{Captures, DataFiles, Operator, OperatorError};
use crate::{Resolve, Variable};

/// Files by name: `phrases.data` and `networks.data`.
pub(super) struct Files;

impl DataFiles for Files {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        match name {
            "phrases.data" => Ok(b"# comment\n\n  select \r\nUnion\n#drop\nx y\n".to_vec()),
            "networks.data" => Ok(b"# office\n10.0.0.0/8\n\n2001:db8::/32 # lab\n".to_vec()),
            _ => Err("no such file".to_owned()),
        }
    }
}

/// `%{TX.word}` is `admin`, `%{TX.number}` is `5`; everything else is empty.
pub(super) struct Macros;

impl Resolve for Macros {
    fn resolve(&self, variable: Variable, key: Option<&[u8]>, out: &mut Vec<u8>) {
        match (variable, key) {
            (Variable::Tx, Some(b"word")) => out.extend_from_slice(b"admin"),
            (Variable::Tx, Some(b"number")) => out.push(b'5'),
            _ => {}
        }
    }
}

/// What `@name argument` gives for a value: the matching part.
pub(super) fn matched<'v>(name: &str, argument: &str, value: &'v [u8]) -> Option<&'v [u8]> {
    let operator = Operator::compile(name, argument, &Files).expect(argument);
    let found = operator.find(value, &Macros, None);
    let captured = operator.find(value, &Macros, Some(&mut Captures::default()));
    assert_eq!(found, captured, "captures changed the match of @{name} {argument}");
    found.map(|range| &value[range])
}

/// Rows of (argument, value, matching part).
pub(super) fn check(name: &str, rows: &[(&str, &str, Option<&str>)]) {
    for (argument, value, expected) in rows {
        let found = matched(name, argument, value.as_bytes());
        assert_eq!(found, expected.map(str::as_bytes), "@{name} {argument} on {value:?}");
    }
}

/// The groups captured by `@name argument`.
pub(super) fn captured(name: &str, argument: &str, value: &str) -> Vec<Option<String>> {
    let operator = Operator::compile(name, argument, &Files).expect(argument);
    let mut captures = Captures::default();
    operator.find(value.as_bytes(), &Macros, Some(&mut captures));
    (0..captures.len())
        .map(|index| captures.get(index).map(|group| String::from_utf8_lossy(group).into_owned()))
        .collect()
}

/// Why `@name argument` does not compile.
pub(super) fn refusal(name: &str, argument: &str) -> OperatorError {
    Operator::compile(name, argument, &Files).expect_err(argument)
}
