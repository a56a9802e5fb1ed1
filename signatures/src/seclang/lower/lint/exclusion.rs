//! `exclusion-without-target`, `no-such-rule`: what is left out was never looked at.

use super::super::super::mapped::Mapped;
use super::super::super::parser::{self, TargetNode};
use super::super::draft::{Draft, Written};
use super::super::select;
use crate::{Diagnostic, RuleId, Target, Variable};

/// `!ARGS:q` in a rule that does not look at `ARGS`.
pub(super) fn check(written: &Written, out: &mut Vec<Diagnostic>) {
    // What is wrong with the targets themselves was reported when they were read.
    let nodes = parser::targets(&written.targets, &mut Vec::new());
    let is_same = |one: &TargetNode, other: &TargetNode| {
        !other.excluded && other.count == one.count && variable(one) == variable(other)
    };
    for node in nodes.iter().filter(|node| node.excluded) {
        if !nodes.iter().any(|other| is_same(node, other)) {
            out.push(unneeded(&node.name, "the rule does not look at it"));
        }
    }
}

/// The exclusions that none of the targets needs, by their place.
pub(in super::super) fn lacking(excluded: &[Target], targets: &[Target]) -> Vec<usize> {
    let needs =
        |one: &Target| targets.iter().any(|other| other.variable == one.variable && other.count == one.count);
    (0..excluded.len()).filter(|at| !needs(&excluded[*at])).collect()
}

/// Warns of the exclusions of an update that no rule of the selection needs.
pub(in super::super) fn report(
    written: &Mapped,
    selection: &Mapped,
    lacks: &[Vec<usize>],
    out: &mut Vec<Diagnostic>,
) {
    let Some((first, rest)) = lacks.split_first() else { return };
    let nodes = parser::targets(written, &mut Vec::new());
    let excluded = nodes.iter().filter(|node| node.excluded && variable(node).is_some());
    for (_, node) in
        excluded.enumerate().filter(|(at, _)| first.contains(at) && rest.iter().all(|it| it.contains(at)))
    {
        let who = match lacks.len() {
            1 => format!("rule {} does not look at it", selection.as_str()),
            _ => "none of these rules looks at it".to_owned(),
        };
        out.push(unneeded(&node.name, &who));
    }
}

fn unneeded(name: &Mapped, label: &str) -> Diagnostic {
    let known = Variable::parse(name.as_str()).map_or("", Variable::name);
    let help = match known {
        "ARGS" => Some("`ARGS` is not `ARGS_GET` or `ARGS_POST`: name what the rule looks at".to_owned()),
        _ => None,
    };
    Diagnostic::warning("exclusion-without-target", format!("nothing is left out by `!{}`", name.as_str()))
        .at(name.location(), label)
        .help(help)
}

fn variable(node: &TargetNode) -> Option<Variable> {
    Variable::parse(node.name.as_str())
}

/// `ctl:ruleRemoveById` and its like of rules that do not exist.
pub(super) fn check_selections(draft: &Draft, drafts: &[Draft], out: &mut Vec<Diagnostic>) {
    for (selector, text) in &draft.selections {
        let meant = drafts.iter().filter(|other| other.runs() && select::means(selector, other));
        let found: Vec<RuleId> = meant.filter_map(|other| other.id).collect();
        for part in select::without_rule(selector, text, &found) {
            // Rules of ModSecurity's recommended settings, which rule sets leave out whether they are there or not.
            if part.as_str().len() == 6 && part.as_str().starts_with("200") {
                continue;
            }
            out.push(
                Diagnostic::warning("no-such-rule", format!("no rule is selected by `{}`", part.as_str()))
                    .at(part.location(), "leaves out nothing")
                    .help(
                        "load it with the rules that it is about: `portcullis check --together`".to_owned(),
                    ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    const RULE: &str = "SecRule ARGS_GET|REQUEST_URI \"@rx A\" \"id:9,phase:2,deny,tag:'sqli',msg:'SQL'\"\n";

    #[test]
    fn finds_exclusions_of_nothing() {
        let without = "exclusion-without-target";
        for (rules, expected) in [
            ("SecRule ARGS|!ARGS:q \"@rx B\" \"id:1,phase:2,deny\"", vec![]),
            ("SecRule ARGS_NAMES|!ARGS:q \"@rx B\" \"id:1,phase:2,deny\"", vec![without]),
            ("SecRule &ARGS|!ARGS \"@eq 1\" \"id:1,phase:2,deny\"", vec![without]),
            ("SecRuleUpdateTargetById 9 \"!ARGS_GET:q\"", vec![]),
            ("SecRuleUpdateTargetById 9 \"!ARGS:q\"", vec![without]),
            ("SecRuleUpdateTargetById 9 \"ARGS|!ARGS:q\"", vec![]),
            ("SecRuleUpdateTargetByTag sqli \"!ARGS:q,!ARGS_GET:q\"", vec![without]),
        ] {
            check(&format!("{RULE}{rules}"), &expected);
        }
    }

    #[test]
    fn finds_selections_of_nothing() {
        for (ctl, count) in [
            ("ruleRemoveById=9", 0),
            ("ruleRemoveById=8", 1),
            ("ruleRemoveById=200002", 0),
            ("'ruleRemoveById=8-9'", 0),
            ("ruleRemoveByTag=sqli", 0),
            ("ruleRemoveByTag=xss", 1),
            ("ruleRemoveByMsg=SQL", 0),
            ("ruleRemoveByMsg=XSS", 1),
            ("ruleRemoveTargetById=9;ARGS:q", 0),
            ("ruleRemoveTargetById=8;ARGS:q", 1),
            ("ruleRemoveTargetByTag=xss;ARGS:q", 1),
        ] {
            let rules = format!("{RULE}SecAction \"id:1,phase:1,pass,ctl:{ctl}\"");
            check(&rules, &vec!["no-such-rule"; count]);
        }
    }
}
