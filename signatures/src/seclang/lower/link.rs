//! One link of a chain: targets, operator and room for actions.

use super::super::mapped::Mapped;
use super::super::parser::{self, OperatorNode};
use super::draft::Written;
use super::rbl;
use super::target::targets;
use crate::operator::{DataFiles, Operator, OperatorError, Zone};
use crate::{Diagnostic, Link, Settings, Severity};

/// A link that always matches: `SecAction`.
pub(super) fn unconditional() -> Link {
    Link {
        targets: Vec::new(),
        exclusions: Vec::new(),
        transformations: Vec::new(),
        multi_match: false,
        operator: Operator::UnconditionalMatch,
        negated: false,
        capture: false,
        actions: Vec::new(),
    }
}

/// `SecRule TARGETS OPERATOR`. What is wrong is reported and stands for nothing.
pub(super) fn link(
    target_word: &Mapped,
    operator_word: &Mapped,
    settings: &Settings,
    files: &dyn DataFiles,
    out: &mut Vec<Diagnostic>,
) -> (Link, Written) {
    let reported = out.len();
    let targets = targets(target_word, out);
    if targets.included.is_empty() && out.len() == reported {
        out.push(
            Diagnostic::error("no-target", "the rule looks at nothing")
                .at(target_word.location(), "expected a variable such as `ARGS`"),
        );
    }
    let node = parser::operator(operator_word);
    let operator = operator(&node, operator_word, settings, files, out);
    if let Some(Operator::Rbl(_)) = &operator {
        rbl::check(target_word, &node, out);
    }
    let link = Link {
        targets: targets.included,
        exclusions: targets.excluded,
        operator: operator.unwrap_or(Operator::UnconditionalMatch),
        negated: node.negated,
        ..unconditional()
    };
    (link, Written { targets: target_word.clone(), operator: node })
}

fn operator(
    node: &OperatorNode,
    word: &Mapped,
    settings: &Settings,
    files: &dyn DataFiles,
    out: &mut Vec<Diagnostic>,
) -> Option<Operator> {
    let name = node.name.as_ref().map_or("rx", Mapped::as_str);
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    if let Some(database) = settings.geo.as_ref().filter(|_| is("geoLookup")) {
        return Some(Operator::GeoLookup(database.clone()));
    }
    let argument = node.argument.as_str();
    let compiled = match is("rbl") {
        true => Zone::compile(argument, settings.http_bl_key.as_ref()).map(Operator::Rbl),
        false => Operator::compile(name, argument, files),
    };
    let error = match compiled {
        Ok(operator) => return Some(operator),
        Err(error) => error,
    };
    let unavailable = error.code == OperatorError::UNAVAILABLE;
    let mut found = diagnostic(error, node, word);
    if unavailable {
        found.severity = Severity::Warning;
    }
    out.push(found);
    unavailable.then_some(Operator::NoMatch)
}

/// An operator's error, moved from its argument to the file.
fn diagnostic(error: OperatorError, node: &OperatorNode, word: &Mapped) -> Diagnostic {
    let place = match (&error.span, &node.name) {
        (Some(span), _) => node.argument.location_of(span.clone()),
        (None, Some(name)) if error.code.ends_with("-operator") || node.argument.is_empty() => {
            name.location()
        }
        (None, _) if node.argument.is_empty() => word.location(),
        (None, _) => node.argument.location(),
    };
    let label = match error.code {
        "unknown-operator" => "not an operator",
        "unsupported-operator" => "not an operator here",
        OperatorError::UNAVAILABLE => "never matches",
        "invalid-regex" => "in this pattern",
        _ => "here",
    };
    Diagnostic::error(error.code, error.message).at(place, label).help(error.help)
}
