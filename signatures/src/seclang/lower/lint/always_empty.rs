//! `always-empty`: a variable that never has a value here.

use super::super::super::parser;
use super::super::draft::Written;
use crate::{Diagnostic, Link, Variable};

pub(super) fn check(link: &Link, written: &Written, out: &mut Vec<Diagnostic>) {
    if !link.targets.iter().any(|target| why(target.variable).is_some()) {
        return;
    }
    let nodes = parser::targets(&written.targets, &mut Vec::new());
    for node in nodes.iter().filter(|node| !node.excluded) {
        let Some(variable) = Variable::parse(node.name.as_str()) else { continue };
        let Some(why) = why(variable) else { continue };
        out.push(
            Diagnostic::warning("always-empty", format!("`{}` never has a value", variable.name()))
                .at(node.name.location(), why),
        );
    }
}

fn why(variable: Variable) -> Option<&'static str> {
    match variable {
        Variable::FilesTmpNames => Some("nothing of a request is written to disk"),
        Variable::ResponseArgs => Some("responses have no arguments"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_rule;

    #[test]
    fn says_which_variables_are_empty() {
        for (target, expected) in
            [("ARGS|FILES_TMPNAMES", vec!["always-empty"]), ("ARGS|FILES_NAMES", vec![])]
        {
            check_rule((target, "@rx ^$", ""), &expected);
        }
    }
}
