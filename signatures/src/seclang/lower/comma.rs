//! Actions with a comma missing between two of them.

use super::super::mapped::Mapped;
use super::super::parser::{self, ActionNode};
use super::action::is_action;
use crate::Diagnostic;

/// Reads actions; two that white space divides are reported and read as two.
pub(super) fn actions(text: &Mapped, out: &mut Vec<Diagnostic>) -> Vec<ActionNode> {
    let nodes = parser::actions(text, out);
    let mut divided = Vec::with_capacity(nodes.len());
    for node in nodes {
        divide(node, &mut divided, out);
    }
    divided
}

fn divide(node: ActionNode, divided: &mut Vec<ActionNode>, out: &mut Vec<Diagnostic>) {
    let whole = match &node.value {
        // Text may hold white space.
        Some(value) if ONE_WORD.iter().any(|name| node.name.as_str().eq_ignore_ascii_case(name)) => value,
        Some(_) => return divided.push(node),
        None => &node.name,
    };
    let text = whole.as_str();
    let Some(end) = text.find(char::is_whitespace) else { return divided.push(node) };
    let rest = whole.slice(end..text.len()).trim();
    let name = rest.as_str().split([':', ' ']).next().unwrap_or_default();
    if !is_action(name) {
        return divided.push(node);
    }
    let before = node.value.as_ref().map_or(String::new(), |_| format!("{}:", node.name.as_str()));
    out.push(
        Diagnostic::error("missing-comma", format!("a comma is missing before `{name}`"))
            .at(rest.slice(0..name.len()).location(), "another action")
            .help(format!("write `{before}{},{}`", &text[..end], rest.as_str())),
    );
    let first = whole.slice(0..end);
    divided.push(match node.value {
        Some(_) => ActionNode { name: node.name, value: Some(first) },
        None => ActionNode { name: first, value: None },
    });
    let next = match rest.split_once(':') {
        Some((name, value)) => ActionNode { name, value: Some(value) },
        None => ActionNode { name: rest, value: None },
    };
    divide(next, divided, out);
}

/// Actions whose value has no white space in it.
const ONE_WORD: &[&str] =
    &["accuracy", "id", "maturity", "phase", "severity", "skip", "skipAfter", "status", "t"];

#[cfg(test)]
mod tests {
    use super::super::check::codes;

    #[test]
    fn finds_missing_commas() {
        for (actions, expected) in [
            ("id:1 phase:2,deny", vec!["missing-comma"]),
            ("id:1,phase:2 deny", vec!["missing-comma"]),
            ("id:1,phase:2,deny log", vec!["missing-comma"]),
            ("id:1 phase:2 deny", vec!["missing-comma"; 2]),
            ("id:1,phase:2,deny,msg:an attack in the log", vec![]),
            ("id:1, phase:2 , deny", vec![]),
            ("id:1,phase:2,deny,setvar:tx.a=b deny", vec![]),
        ] {
            assert_eq!(codes(&format!("SecRule ARGS \"@rx x\" \"{actions}\"")), expected, "{actions}");
        }
    }
}
