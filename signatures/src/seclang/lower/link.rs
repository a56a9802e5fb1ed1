//! One link of a chain: targets, operator and room for actions.

use std::sync::Arc;

use super::super::mapped::Mapped;
use super::super::parser::{self, OperatorNode};
use super::draft::Written;
use super::target::targets;
use crate::operator::{DataFiles, GeoDatabase, Operator, OperatorError};
use crate::{Diagnostic, Link, Severity};

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
    geo: Option<&Arc<GeoDatabase>>,
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
    let operator = operator(&node, operator_word, geo, files, out);
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
    geo: Option<&Arc<GeoDatabase>>,
    files: &dyn DataFiles,
    out: &mut Vec<Diagnostic>,
) -> Option<Operator> {
    let name = node.name.as_ref().map_or("rx", Mapped::as_str);
    if let Some(database) = geo.filter(|_| name.eq_ignore_ascii_case("geoLookup")) {
        return Some(Operator::GeoLookup(database.clone()));
    }
    let error = match Operator::compile(name, node.argument.as_str(), files) {
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
