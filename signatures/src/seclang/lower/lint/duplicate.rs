//! `duplicate-rule`: a rule that does what an earlier one does.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::super::draft::{Disruption, Draft};
use crate::{Diagnostic, RuleId};

pub(super) fn check(drafts: &[Draft], out: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<String, &Draft> = HashMap::new();
    for draft in drafts.iter().filter(|draft| draft.runs()) {
        let Some(key) = key(draft) else { continue };
        match seen.entry(key) {
            Entry::Vacant(place) => {
                place.insert(draft);
            }
            Entry::Occupied(first) => out.push(again(first.get(), draft)),
        }
    }
}

fn again(first: &Draft, second: &Draft) -> Diagnostic {
    let id = |draft: &Draft| draft.id.map_or(0, RuleId::get);
    let label = match first.disruption {
        Disruption::Pass => "does the same once more",
        _ => "never decides: the first one did",
    };
    Diagnostic::warning("duplicate-rule", format!("rule {} is the same as rule {}", id(second), id(first)))
        .at(second.name_location.clone(), label)
        .related(first.name_location.clone(), format!("rule {}", id(first)))
        .help("remove one of them".to_owned())
}

/// What a rule looks at and does, without what it says of itself; `None` when it looks at nothing, as
/// `SecAction` does.
fn key(draft: &Draft) -> Option<String> {
    let mut key = format!("{:?} {:?} {:?} {:?}", draft.phase, draft.disruption, draft.status, draft.skip);
    for (link, written) in draft.links.iter().zip(&draft.written) {
        let operator = &written.as_ref()?.operator;
        let name = operator.name.as_ref().map_or("rx", |name| name.as_str()).to_ascii_lowercase();
        key += &format!(
            "\n{:?} {:?} {} {name} {} {:?} {} {} {:?}",
            link.targets,
            link.exclusions,
            link.negated,
            operator.argument.as_str(),
            link.transformations,
            link.multi_match,
            link.capture,
            link.actions,
        );
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn finds_rules_that_are_there_twice() {
        let first = "SecRule ARGS \"@rx A\" \"id:1,phase:2,deny,msg:'a'\"\n";
        for (second, expected) in [
            ("SecRule ARGS \"@rx A\" \"id:2,phase:2,deny,msg:'b'\"", vec!["duplicate-rule"]),
            ("SecRule ARGS \"A\" \"id:2,phase:2,deny\"", vec!["duplicate-rule"]),
            ("SecRule ARGS \"@rx A\" \"id:2,phase:1,deny\"", vec![]),
            ("SecRule ARGS \"@rx A\" \"id:2,phase:2,pass\"", vec![]),
            ("SecRule ARGS \"!@rx A\" \"id:2,phase:2,deny\"", vec![]),
            ("SecRule ARGS|!ARGS:q \"@rx A\" \"id:2,phase:2,deny\"", vec![]),
            ("SecRule ARGS \"@rx A\" \"id:2,phase:2,deny,t:trim\"", vec![]),
            ("SecRule ARGS \"@rx A\" \"id:2,phase:2,deny\"\nSecRuleRemoveById 2", vec![]),
        ] {
            check(&format!("{first}{second}"), &expected);
        }
    }
}
