//! What `@rbl` is warned of.

use super::super::mapped::Mapped;
use super::super::parser::{self, OperatorNode};
use crate::run::is_remembered;
use crate::{Diagnostic, Variable};

/// Warns that lists are asked only where the configuration wants it, and of targets that are not the client's address.
pub(super) fn check(targets: &Mapped, operator: &OperatorNode, out: &mut Vec<Diagnostic>) {
    let place = operator.name.as_ref().unwrap_or(&operator.argument).location();
    out.push(
        Diagnostic::warning(Diagnostic::LISTS_OFF, "`@rbl` never matches while no list is asked")
            .at(place, "off, as the configuration has no `rbl`")
            .help(
                "write `rbl: {}` in the configuration: the first request of each client then waits for name servers \
                 (500 ms at most, or `timeout`)"
                    .to_owned(),
            ),
    );
    // What is wrong with the targets themselves was reported when they were read.
    for node in parser::targets(targets, &mut Vec::new()).iter().filter(|node| !node.excluded) {
        // What rules remember may well be the client's address.
        let other = Variable::parse(node.name.as_str())
            .filter(|variable| *variable != Variable::RemoteAddr && !is_remembered(*variable));
        if let Some(variable) = other {
            out.push(
                Diagnostic::warning(
                    "rbl-of-other",
                    format!("`@rbl` knows nothing of what is in `{}`", variable.name()),
                )
                .at(node.name.location(), "matches where it is the client's address, and nowhere else")
                .help(
                    "write `REMOTE_ADDR`: lists are asked before rules run, of the client's address alone"
                        .to_owned(),
                ),
            );
        }
    }
}
