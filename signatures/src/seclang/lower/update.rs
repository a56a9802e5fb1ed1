//! Directives that change or remove rules already loaded.

use super::super::lexer::Directive;
use super::super::mapped::Mapped;
use super::action::{Position, apply_all};
use super::draft::Draft;
use super::lint::exclusion;
use super::select::{self, By};
use super::target::{Targets, targets};
use super::{Lowering, comma, report_count, words};
use crate::{Diagnostic, RuleId, RuleSelector, Target};

impl Lowering {
    /// `SecRuleRemoveById` and its like; each word is a selection.
    pub(super) fn remove(&mut self, directive: &Directive, by: By) {
        if directive.words.is_empty() {
            return report_count(directive, 1, &mut self.diagnostics);
        }
        for word in &directive.words {
            let Some(selector) = select::rules(by, word, &mut self.diagnostics) else { continue };
            let place = directive.location();
            let found = self.each_selected(&selector, word, |draft, _| draft.left_out = true);
            self.removed.extend(found.into_iter().map(|id| (id, place.clone())));
        }
    }

    /// `SecRuleUpdateTargetById 1000 "!ARGS:q"` and its like; `1000 REQUEST_URI REQUEST_FILENAME` puts the first in
    /// place of the second.
    pub(super) fn update_targets(&mut self, directive: &Directive, by: By) {
        let (selection, written, replaced) = match directive.words.as_slice() {
            [selection, written] => (selection, written, None),
            [selection, written, replaced] => (selection, written, Some(replaced)),
            other => return report_count(directive, other.len().clamp(2, 3), &mut self.diagnostics),
        };
        let Some((selector, link)) = self.selection(by, selection) else { return };
        let targets = targets(written, &mut self.diagnostics);
        if let Some(replaced) = replaced {
            return self.replace_targets(directive, &selector, link, &targets, replaced);
        }
        let place = directive.location();
        let mut lacks = Vec::new();
        self.each_selected(&selector, selection, |draft, _| {
            if let Some(link) = draft.links.get_mut(link) {
                link.targets.extend(targets.included.iter().cloned());
                lacks.push(exclusion::lacking(&targets.excluded, &link.targets));
                link.exclusions.extend(targets.excluded.iter().cloned());
                draft.changes.push(place.clone());
            }
        });
        // Of many rules some look at nothing of the kind.
        exclusion::report(written, selection, &lacks, &mut self.diagnostics);
    }

    /// Puts targets in place of others, where a rule has them.
    fn replace_targets(
        &mut self,
        directive: &Directive,
        selector: &RuleSelector,
        link: usize,
        new: &Targets,
        replaced: &Mapped,
    ) {
        let old = targets(replaced, &mut self.diagnostics);
        if !old.excluded.is_empty() {
            self.diagnostics.push(
                Diagnostic::error("unexpected-argument", "what a rule leaves out cannot be replaced")
                    .at(replaced.location(), "expected what the rule looks at")
                    .help("put all targets to add in one pair of quotes, with `|` between them".to_owned()),
            );
            return;
        }
        let place = directive.location();
        let mut is_found = false;
        self.each_selected(selector, &directive.words[0], |draft, _| {
            let Some(link) = draft.links.get_mut(link) else { return };
            let Some(at) = link.targets.iter().position(|it| old.included.iter().any(|old| is_same(old, it)))
            else {
                return;
            };
            is_found = true;
            link.targets.retain(|it| !old.included.iter().any(|old| is_same(old, it)));
            let at = at.min(link.targets.len());
            link.targets.splice(at..at, new.included.iter().cloned());
            link.exclusions.extend(new.excluded.iter().cloned());
            draft.changes.push(place.clone());
        });
        if !is_found {
            self.diagnostics.push(
                Diagnostic::warning(
                    "no-such-target",
                    "no rule that is meant looks at what is to be replaced",
                )
                .at(replaced.location(), "nothing is changed"),
            );
        }
    }

    /// `SecRuleUpdateActionById 1000 "deny,status:404"`.
    pub(super) fn update_actions(&mut self, directive: &Directive) {
        let Some([selection, written]) = words(directive, &mut self.diagnostics) else { return };
        let Some((selector, link)) = self.selection(By::Id, selection) else { return };
        let nodes = comma::actions(written, &mut self.diagnostics);
        let place = directive.location();
        let mut first = true;
        self.each_selected(&selector, selection, |draft, out| {
            if link < draft.links.len() {
                // What is wrong is the same for all of them: say it once.
                let mut reported = Vec::new();
                apply_all(&nodes, draft, link, Position::Update, &mut reported);
                draft.changes.push(place.clone());
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

    /// Changes the rules that are meant, and lists them; says so when a part of the selection means none.
    fn each_selected(
        &mut self,
        selector: &RuleSelector,
        word: &Mapped,
        mut change: impl FnMut(&mut Draft, &mut Vec<Diagnostic>),
    ) -> Vec<RuleId> {
        let mut found = Vec::new();
        for draft in self.drafts.iter_mut().filter(|draft| select::means(selector, draft)) {
            found.extend(draft.id);
            change(draft, &mut self.diagnostics);
        }
        for place in select::without_rule(selector, word, &found) {
            self.diagnostics.push(
                Diagnostic::warning("no-such-rule", format!("no rule is selected by `{}`", place.as_str()))
                    .at(place.location(), "changes nothing")
                    .help("only rules already loaded can be changed: put this after them".to_owned()),
            );
        }
        found
    }
}

/// Whether two targets mean the same values; names are compared without case.
fn is_same(one: &Target, other: &Target) -> bool {
    one.to_string().eq_ignore_ascii_case(&other.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::check::{codes, ruleset};

    const RULES: &str = "\
SecRule ARGS \"@rx a\" \"id:1000,phase:2,deny,msg:'SQL in arguments',tag:'attack-sqli',t:lowercase,chain\"
SecRule MATCHED_VARS \"@rx b\"
SecRule ARGS \"@rx a\" \"id:1001,phase:2,deny,msg:'Script in arguments',tag:'attack-xss'\"
SecRule ARGS \"@rx c\" \"id:1002,phase:2,deny,tag:'attack-xss'\"
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
    fn targets_are_replaced() {
        let shown = |directive: &str| {
            let link = &ruleset(&format!(
                "SecRule ARGS|REQUEST_FILENAME|&ARGS:a \"@rx a\" \"id:1,phase:2,deny\"\n{directive}"
            ))
            .rules[0]
                .links[0];
            link.targets.iter().map(ToString::to_string).collect::<Vec<_>>().join("|")
        };
        for (directive, expected) in [
            ("SecRuleUpdateTargetById 1 REQUEST_URI REQUEST_FILENAME", "ARGS|REQUEST_URI|&ARGS:a"),
            ("SecRuleUpdateTargetById 1 \"ARGS:b,ARGS:c\" &args:A", "ARGS|REQUEST_FILENAME|ARGS:b|ARGS:c"),
            ("SecRuleUpdateTargetById 1 REQUEST_URI ARGS|REQUEST_FILENAME", "REQUEST_URI|&ARGS:a"),
        ] {
            assert_eq!(shown(directive), expected, "{directive}");
        }
        for (directive, expected) in [
            ("SecRuleUpdateTargetById 1000 REQUEST_URI ARGS:a", "no-such-target"),
            ("SecRuleUpdateTargetById 1000 !ARGS:a !ARGS:b", "unexpected-argument"),
            ("SecRuleUpdateTargetById 1000 REQUEST_URI ARGS ARGS", "unexpected-argument"),
            ("SecRuleUpdateTargetById 1000", "missing-argument"),
        ] {
            assert_eq!(codes(&format!("{RULES}{directive}")), [expected], "{directive}");
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
    fn rules_remember_what_changed_them() {
        let directive = "SecRuleUpdateTargetById 1000 \"!ARGS:a\"";
        let changes = &ruleset(&format!("{RULES}{directive}")).rules[0].changes;
        let text = |place: &crate::Location| place.file.text[place.span.clone()].to_owned();
        assert_eq!(changes.iter().map(text).collect::<Vec<_>>(), [directive]);
    }

    #[test]
    fn each_part_of_a_selection_means_a_rule() {
        for (ids, count) in [("1000 1003", 1), ("1000,1003 1004-1009", 2), ("1000-1009", 0), ("1003", 1)] {
            let found = codes(&format!("{RULES}SecRuleRemoveById {ids}"));
            assert_eq!(found, vec!["no-such-rule"; count], "{ids}");
        }
    }

    #[test]
    fn rules_to_come_are_not_changed() {
        assert_eq!(codes(&format!("SecRuleRemoveById 1000\n{RULES}")), ["no-such-rule"]);
    }
}
