//! Operators by name.

use super::{
    Argument, ByteRange, Comparison, DataFiles, IpMatch, Number, Operator, OperatorError, Pm, Rx, Scheme,
    Verify, Zone, refused,
};
use crate::suggest::closest;

/// Compiles the argument of one operator.
type Compile = fn(&str, &dyn DataFiles) -> Result<Operator, OperatorError>;

pub(super) fn compile(name: &str, argument: &str, files: &dyn DataFiles) -> Result<Operator, OperatorError> {
    match OPERATORS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        Some((_, compile)) => compile(argument, files),
        None => Err(refused::refusal(name).unwrap_or_else(|| unknown(name))),
    }
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    OPERATORS.iter().map(|(name, _)| *name)
}

fn unknown(name: &str) -> OperatorError {
    let error = OperatorError::new("unknown-operator", format!("unknown operator `@{name}`"));
    if name.is_empty() {
        return error.help("remove the space after `@`");
    }
    match closest(name, names()) {
        Some(near) => error.help(format!("did you mean `@{near}`?")),
        None => error,
    }
}

const OPERATORS: &[(&str, Compile)] = &[
    ("beginsWith", |argument, _| Argument::compile(argument).map(Operator::BeginsWith)),
    ("contains", |argument, _| Argument::compile(argument).map(Operator::Contains)),
    ("containsWord", |argument, _| Argument::compile(argument).map(Operator::ContainsWord)),
    ("detectSQLi", |_, _| Ok(Operator::DetectSqli)),
    ("detectXSS", |_, _| Ok(Operator::DetectXss)),
    ("endsWith", |argument, _| Argument::compile(argument).map(Operator::EndsWith)),
    ("eq", |argument, _| compare(Comparison::Eq, argument)),
    ("ge", |argument, _| compare(Comparison::Ge, argument)),
    ("gt", |argument, _| compare(Comparison::Gt, argument)),
    ("ipMatch", |argument, _| IpMatch::compile(argument).map(Operator::IpMatch)),
    ("ipMatchF", |argument, files| IpMatch::compile_files(argument, files).map(Operator::IpMatch)),
    ("ipMatchFromFile", |argument, files| IpMatch::compile_files(argument, files).map(Operator::IpMatch)),
    ("le", |argument, _| compare(Comparison::Le, argument)),
    ("lt", |argument, _| compare(Comparison::Lt, argument)),
    ("noMatch", |_, _| Ok(Operator::NoMatch)),
    ("pm", |argument, _| Pm::compile(argument).map(Operator::Pm)),
    ("pmf", |argument, files| Pm::compile_files(argument, files).map(Operator::Pm)),
    ("pmFromFile", |argument, files| Pm::compile_files(argument, files).map(Operator::Pm)),
    ("rbl", |argument, _| Zone::compile(argument, None).map(Operator::Rbl)),
    ("rx", |argument, _| Rx::compile(argument).map(Operator::Rx)),
    ("rxGlobal", |argument, _| Rx::compile(argument).map(Operator::RxGlobal)),
    ("streq", |argument, _| Argument::compile(argument).map(Operator::Streq)),
    ("strmatch", |argument, _| Argument::compile(argument).map(Operator::Contains)),
    ("unconditionalMatch", |_, _| Ok(Operator::UnconditionalMatch)),
    ("validateByteRange", |argument, _| ByteRange::compile(argument).map(Operator::ValidateByteRange)),
    ("validateUrlEncoding", |_, _| Ok(Operator::ValidateUrlEncoding)),
    ("validateUtf8Encoding", |_, _| Ok(Operator::ValidateUtf8Encoding)),
    ("verifyCC", |argument, _| verify(Scheme::CreditCard, argument)),
    ("verifyCPF", |argument, _| verify(Scheme::Cpf, argument)),
    ("verifySSN", |argument, _| verify(Scheme::Ssn, argument)),
    ("verifySVNR", |argument, _| verify(Scheme::Svnr, argument)),
    ("within", |argument, _| Argument::compile(argument).map(Operator::Within)),
];

fn compare(comparison: Comparison, argument: &str) -> Result<Operator, OperatorError> {
    Number::compile(argument).map(|number| Operator::Compare(comparison, number))
}

fn verify(scheme: Scheme, argument: &str) -> Result<Operator, OperatorError> {
    Verify::compile(scheme, argument).map(Operator::Verify)
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, refusal};

    #[test]
    fn names_have_no_case() {
        check("UNCONDITIONALMATCH", &[("", "x", Some("x"))]);
        check("nomatch", &[("", "x", None)]);
    }

    #[test]
    fn unknown_names_are_refused() {
        for (name, near) in [("containz", Some("did you mean `@contains`?")), ("xyzzy", None)] {
            let error = refusal(name, "");
            assert_eq!((error.code, error.help.as_deref()), ("unknown-operator", near), "{name}");
        }
    }
}
