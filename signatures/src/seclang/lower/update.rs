//! Directives that change or remove rules already loaded.

use super::super::lexer::Directive;
use super::super::mapped::Mapped;
use super::super::parser;
use super::action::{Position, apply_all};
use super::draft::Draft;
use super::select::{self, By};
use super::target::targets;
use super::{Lowering, report_count, words};
use crate::{Diagnostic, RuleSelector};

impl Lowering {
    /// `SecRuleRemoveById` and its like; each word is a selection.
    pub(super) fn remove(&mut self, directive: &Directive, by: By) {
        if directive.words.is_empty() {
            return report_count(directive, 1, &mut self.diagnostics);
        }
        for word in &directive.words {
            let Some(selector) = select::rules(by, word, &mut self.diagnostics) else { continue };
            self.each_selected(&selector, word, |draft, _| draft.left_out = true);
        }
    }

    /// `SecRuleUpdateTargetById 1000 "!ARGS:q"` and its like.
    pub(super) fn update_targets(&mut self, directive: &Directive, by: By) {
        let Some([selection, written]) = words(directive, &mut self.diagnostics) else { return };
        let Some((selector, link)) = self.selection(by, selection) else { return };
        let targets = targets(written, &mut self.diagnostics);
        self.each_selected(&selector, selection, |draft, _| {
            if let Some(link) = draft.links.get_mut(link) {
                link.targets.extend(targets.included.iter().cloned());
                link.exclusions.extend(targets.excluded.iter().cloned());
            }
        });
    }

    /// `SecRuleUpdateActionById 1000 "deny,status:404"`.
    pub(super) fn update_actions(&mut self, directive: &Directive) {
        let Some([selection, written]) = words(directive, &mut self.diagnostics) else { return };
        let Some((selector, link)) = self.selection(By::Id, selection) else { return };
        let nodes = parser::actions(written, &mut self.diagnostics);
        let mut first = true;
        self.each_selected(&selector, selection, |draft, out| {
            if link < draft.links.len() {
                // What is wrong is the same for all of them: say it once.
                let mut reported = Vec::new();
                apply_all(&nodes, draft, link, Position::Update, &mut reported);
                if std::mem::take(&mut first) {
                    out.append(&mut reported);
                }
            }
        });
    }

    /// `1000:1` is the second rule of the chain 1000.
    fn selection(&mut self, by: By, word: &Mapped) -> Option<(RuleSelector, usize)> {
        let offset = word.as_str().rsplit_once(':').and_then(|(_, offset)| offset.parse().ok());
        match (by, offset) {
            (By::Id, Some(offset)) => {
                let (ids, _) = word.split_once(':')?;
                Some((select::rules(by, &ids, &mut self.diagnostics)?, offset))
            }
            _ => Some((select::rules(by, word, &mut self.diagnostics)?, 0)),
        }
    }

    fn each_selected(
        &mut self,
        selector: &RuleSelector,
        word: &Mapped,
        mut change: impl FnMut(&mut Draft, &mut Vec<Diagnostic>),
    ) {
        let mut found = false;
        for draft in self.drafts.iter_mut().filter(|draft| select::means(selector, draft)) {
            found = true;
            change(draft, &mut self.diagnostics);
        }
        if !found {
            self.diagnostics.push(
                Diagnostic::warning("no-such-rule", format!("no rule is selected by `{}`", word.as_str()))
                    .at(word.location(), "changes nothing")
                    .help("only rules already loaded can be changed: put this after them".to_owned()),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{codes, ruleset};

    const RULES: &str = "\
SecRule ARGS \"@rx a\" \"id:1000,phase:2,deny,msg:'SQL in arguments',tag:'attack-sqli',t:lowercase,chain\"
SecRule MATCHED_VARS \"@rx b\"
SecRule ARGS \"@rx a\" \"id:1001,phase:2,deny,msg:'Script in arguments',tag:'attack-xss'\"
SecRule ARGS \"@rx a\" \"id:1002,phase:2,deny,tag:'attack-xss'\"
";

    #[test]
    fn removes_what_is_selected() {
        let rows: &[(&str, &[u32])] = &[
            ("SecRuleRemoveById 1000", &[1001, 1002]),
            ("SecRuleRemoveById 1000-1001", &[1002]),
            ("SecRuleRemoveById 1000 \"1002\"", &[1001]),
            ("SecRuleRemoveById 1000,1001-1002", &[]),
            ("SecRuleRemoveByTag xss$", &[1000]),
            ("SecRuleRemoveByMsg \"^Script in\"", &[1000, 1002]),
        ];
        for (directive, left) in rows {
            let ids: Vec<u32> =
                ruleset(&format!("{RULES}{directive}")).rules.iter().map(|rule| rule.id.get()).collect();
            assert_eq!(ids, *left, "{directive}");
        }
    }

    #[test]
    fn targets_are_added_and_left_out() {
        // How many targets and exclusions the links of all rules have.
        let rows: &[(&str, &[(usize, usize)])] = &[
            ("SecRuleUpdateTargetById 1000 \"!ARGS:a,!ARGS:/^b/\"", &[(1, 2), (1, 0), (1, 0), (1, 0)]),
            ("SecRuleUpdateTargetById 1000:1 \"!MATCHED_VARS:a\"", &[(1, 0), (1, 1), (1, 0), (1, 0)]),
            (
                "SecRuleUpdateTargetByTag attack-xss \"REQUEST_URI|!ARGS:a\"",
                &[(1, 0), (1, 0), (2, 1), (2, 1)],
            ),
            ("SecRuleUpdateTargetByMsg ^Script \"!ARGS:a\"", &[(1, 0), (1, 0), (1, 1), (1, 0)]),
        ];
        for (directive, expected) in rows {
            let ruleset = ruleset(&format!("{RULES}{directive}"));
            let links = ruleset.rules.iter().flat_map(|rule| &rule.links);
            let counts: Vec<_> = links.map(|link| (link.targets.len(), link.exclusions.len())).collect();
            assert_eq!(counts, *expected, "{directive}");
        }
    }

    #[test]
    fn actions_are_replaced_and_added() {
        let rows = [
            ("pass", "Pass", 1, 1),
            ("deny,status:404,tag:'mine'", "Deny { status: 404 }", 2, 1),
            ("t:none,t:trim,t:urlDecode", "Deny { status: 403 }", 1, 2),
        ];
        for (actions, disruptive, tags, transformations) in rows {
            let rule = &ruleset(&format!("{RULES}SecRuleUpdateActionById 1000 \"{actions}\"")).rules[0];
            assert_eq!(format!("{:?}", rule.disruptive), disruptive, "{actions}");
            assert_eq!(rule.meta.tags.len(), tags, "{actions}");
            assert_eq!(rule.links[0].transformations.len(), transformations, "{actions}");
        }
    }

    #[test]
    fn rules_to_come_are_not_changed() {
        assert_eq!(codes(&format!("SecRuleRemoveById 1000\n{RULES}")), ["no-such-rule"]);
    }
}
