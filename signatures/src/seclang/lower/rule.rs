//! `SecRule`, `SecAction` and `SecDefaultAction`.

use std::num::NonZeroU32;
use std::ops::Range;

use super::super::lexer::Directive;
use super::super::mapped::Mapped;
use super::super::parser::ActionNode;
use super::action::{Position, apply_all};
use super::draft::{Draft, Written};
use super::link::{link, unconditional};
use super::{Item, Lowering, comma, early, report_count, words};
use crate::operator::DataFiles;
use crate::{Diagnostic, Link, Phase, RuleId, Severity};

impl Lowering {
    pub(super) fn sec_rule(&mut self, directive: &Directive, files: &dyn DataFiles) {
        let (targets, operator, actions) = match directive.words.as_slice() {
            [targets, operator] => (targets, operator, None),
            [targets, operator, actions] => (targets, operator, Some(actions)),
            other => {
                return report_count(directive, if other.len() < 2 { 2 } else { 3 }, &mut self.diagnostics);
            }
        };
        let reported = self.diagnostics.len();
        let (link, written) = link(targets, operator, &self.settings, files, &mut self.diagnostics);
        let phase = self.rule(directive, (link, Some(written)), actions, reported);
        early::check(targets, phase, &mut self.diagnostics);
    }

    pub(super) fn sec_action(&mut self, directive: &Directive, _: &dyn DataFiles) {
        let reported = self.diagnostics.len();
        if let Some([actions]) = words(directive, &mut self.diagnostics) {
            self.rule(directive, (unconditional(), None), Some(actions), reported);
        }
    }

    /// Begins a rule or goes on with a chain, and says in which phase; `reported` is how many diagnostics
    /// there were before it.
    fn rule(
        &mut self,
        directive: &Directive,
        link: (Link, Option<Written>),
        actions: Option<&Mapped>,
        reported: usize,
    ) -> Phase {
        let nodes = actions.map(|actions| comma::actions(actions, &mut self.diagnostics)).unwrap_or_default();
        let mut draft = match self.open.take() {
            Some(open) => self.chained(open, link, &nodes),
            None => self.head(directive, link, &nodes),
        };
        draft.span.end = draft.span.end.max(end(directive));
        let found = &self.diagnostics[reported..];
        draft.left_out |= found.iter().any(|found| found.severity == Severity::Error);
        let phase = draft.phase;
        if nodes.iter().any(|node| node.name.as_str().eq_ignore_ascii_case("chain")) {
            self.open = Some(draft);
        } else {
            self.close(draft);
        }
        phase
    }

    fn head(&mut self, directive: &Directive, link: (Link, Option<Written>), nodes: &[ActionNode]) -> Draft {
        let phase = phase(nodes, &mut self.diagnostics).unwrap_or(Phase::RequestBody);
        let mut draft = Draft::new(phase, directive.name.location());
        draft.push(link);
        self.apply_defaults(&mut draft);
        draft.block = draft.disruption.clone();
        apply_all(nodes, &mut draft, 0, Position::Head, &mut self.diagnostics);
        draft.id = id(nodes, directive, &mut self.diagnostics);
        draft
    }

    fn chained(&mut self, mut draft: Draft, link: (Link, Option<Written>), nodes: &[ActionNode]) -> Draft {
        draft.push(link);
        let index = draft.links.len() - 1;
        let inherited = self.defaults[draft.phase.index()].clone();
        let transformations = inherited.iter().filter(|node| node.name.as_str().eq_ignore_ascii_case("t"));
        // What is wrong in defaults was reported where they stand.
        let mut reported = Vec::new();
        apply_all(transformations, &mut draft, index, Position::Default, &mut reported);
        self.check_chained_phase(&draft, nodes);
        apply_all(nodes, &mut draft, index, Position::Chained, &mut self.diagnostics);
        draft
    }

    fn check_chained_phase(&mut self, draft: &Draft, nodes: &[ActionNode]) {
        let Some(value) = find(nodes, "phase").and_then(|node| node.value.as_ref()) else { return };
        let Some(own) = phase(nodes, &mut self.diagnostics).filter(|own| *own != draft.phase) else { return };
        self.diagnostics.push(
            Diagnostic::error(
                "chain-across-phases",
                format!("a chain of phase {} goes on in phase {}", draft.phase as u8, own as u8),
            )
            .at(value.location(), "another phase")
            .related(draft.name_location.clone(), "the chain begins here")
            .help("leave `phase` out: chained rules run in the phase of the first".to_owned()),
        );
    }

    fn apply_defaults(&mut self, draft: &mut Draft) {
        let defaults = self.defaults[draft.phase.index()].clone();
        apply_all(defaults.iter(), draft, 0, Position::Default, &mut Vec::new());
    }

    pub(super) fn sec_default_action(&mut self, directive: &Directive) {
        self.end_chain();
        let Some([word]) = words(directive, &mut self.diagnostics) else { return };
        let nodes = comma::actions(word, &mut self.diagnostics);
        if find(&nodes, "phase").is_none() {
            self.diagnostics.push(
                Diagnostic::error("missing-phase", "`SecDefaultAction` needs a phase")
                    .at(word.location(), "no `phase` here")
                    .help(
                        "write one `SecDefaultAction` for each phase: `phase:1,log,auditlog,pass`".to_owned(),
                    ),
            );
            return;
        }
        let Some(phase) = phase(&nodes, &mut self.diagnostics) else { return };
        let mut trial = Draft::new(phase, directive.name.location());
        trial.push((unconditional(), None));
        apply_all(&nodes, &mut trial, 0, Position::Default, &mut self.diagnostics);
        self.defaults[phase.index()] = nodes.into();
    }

    /// Reports a chain that was begun and does not go on.
    pub(in super::super) fn end_chain(&mut self) {
        let Some(mut draft) = self.open.take() else { return };
        self.diagnostics.push(
            Diagnostic::error("unfinished-chain", "a chain does not go on")
                .at(draft.name_location.clone(), "no rule follows this chain")
                .help("remove `chain` from the last rule, or add the rule it waits for".to_owned()),
        );
        draft.left_out = true;
        self.close(draft);
    }

    fn close(&mut self, mut draft: Draft) {
        if let Some(id) = draft.id {
            if let Some(first) = self.ids.get(&id) {
                draft.left_out = true;
                self.diagnostics.push(
                    Diagnostic::error("duplicate-id", format!("rule id {id} is taken"))
                        .at(draft.name_location.clone(), format!("second rule {id}"))
                        .related(first.clone(), format!("first rule {id}"))
                        .help("give each rule its own id; 1-99,999 are reserved for local rules".to_owned()),
                );
            } else {
                self.ids.insert(id, draft.name_location.clone());
            }
        }
        self.order.push(Item::Rule(self.drafts.len()));
        self.drafts.push(draft);
    }
}

fn find<'n>(nodes: &'n [ActionNode], name: &str) -> Option<&'n ActionNode> {
    nodes.iter().rev().find(|node| node.name.as_str().eq_ignore_ascii_case(name))
}

/// The phase the actions name; `None` when they name none, or a wrong one, which is reported.
fn phase(nodes: &[ActionNode], out: &mut Vec<Diagnostic>) -> Option<Phase> {
    let node = find(nodes, "phase")?;
    // That a value is missing is said where actions are applied.
    let value = node.value.as_ref()?.as_str();
    let phase = match value.to_ascii_lowercase().as_str() {
        "1" => Some(Phase::RequestHeaders),
        "2" | "request" => Some(Phase::RequestBody),
        "3" => Some(Phase::ResponseHeaders),
        "4" | "response" => Some(Phase::ResponseBody),
        "5" | "logging" => Some(Phase::Logging),
        _ => None,
    };
    if phase.is_none() {
        let (code, title) = match value {
            "" => ("missing-value", "action `phase` needs a value".to_owned()),
            _ => ("invalid-phase", format!("`{value}` is not a phase")),
        };
        let place = node.value.as_ref().filter(|value| !value.is_empty()).unwrap_or(&node.name);
        out.push(
            Diagnostic::error(code, title)
                .at(place.location(), "expected 1-5, `request`, `response` or `logging`")
                .help(phase_meant(value)),
        );
    }
    phase
}

/// The phase that other engines' names mean.
fn phase_meant(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let number = match (name.contains("resp"), name.contains("head"), name.contains("body")) {
        (false, true, _) => 1,
        (false, _, true) => 2,
        (true, true, _) => 3,
        (true, _, true) => 4,
        _ => return None,
    };
    Some(format!("did you mean `phase:{number}`?"))
}

/// The id the actions name; missing and wrong ones are reported.
fn id(nodes: &[ActionNode], directive: &Directive, out: &mut Vec<Diagnostic>) -> Option<RuleId> {
    let Some(node) = find(nodes, "id") else {
        out.push(
            Diagnostic::error("missing-id", "the rule has no id")
                .at(directive.name.location(), "needs an `id` action")
                .help(
                    "add `id:N` with a number of its own; 1-99,999 are reserved for local rules".to_owned(),
                ),
        );
        return None;
    };
    let value = node.value.as_ref().unwrap_or(&node.name);
    let id = value.as_str().trim().parse::<NonZeroU32>().ok().map(RuleId);
    if id.is_none() {
        out.push(
            Diagnostic::error("invalid-id", format!("`{}` is not a rule id", value.as_str()))
                .at(value.location(), format!("expected a number from 1 to {}", u32::MAX)),
        );
    }
    id
}

fn end(directive: &Directive) -> usize {
    let Range { end, .. } = directive.words.last().unwrap_or(&directive.name).location().span;
    end
}

#[cfg(test)]
mod tests {
    use super::super::check::{codes, rule, ruleset};
    use crate::transformation::Transformation::{Lowercase, Trim};
    use crate::{Disruptive, ParanoiaLevel, Phase, RuleSeverity, Skip, Step};

    #[test]
    fn defaults_reach_the_rules_after_them() {
        let defaults = "SecDefaultAction \"phase:1,nolog,auditlog,deny,status:406,t:trim\"\n";
        let rows = [
            ("id:1,phase:1", "Deny { status: 406 }", false, true, vec![Trim]),
            ("id:1,phase:1,block,log", "Deny { status: 406 }", true, true, vec![Trim]),
            ("id:1,phase:1,pass,t:lowercase", "Pass", false, true, vec![Trim, Lowercase]),
            ("id:1,phase:1,block,status:429", "Deny { status: 429 }", false, true, vec![Trim]),
            ("id:1,phase:1,t:none,nolog", "Deny { status: 406 }", false, false, vec![]),
            ("id:1,phase:2,block", "Pass", true, true, vec![]),
            ("id:1,phase:2,deny", "Deny { status: 403 }", true, true, vec![]),
            ("id:1,phase:2,drop", "Drop", true, true, vec![]),
            ("id:1,phase:2,allow:request", "Allow(Request)", true, true, vec![]),
        ];
        for (actions, disruptive, log, audit_log, transformations) in rows {
            let rule = rule(&format!("{defaults}SecRule ARGS \"@rx x\" \"{actions}\""));
            assert_eq!(format!("{:?}", rule.disruptive), disruptive, "{actions}");
            assert_eq!((rule.log, rule.audit_log), (log, audit_log), "{actions}");
            assert_eq!(rule.links[0].transformations, transformations, "{actions}");
        }
    }

    #[test]
    fn redirects_have_a_redirecting_status() {
        for (status, expected) in [("", 302), (",status:301", 301), (",status:307", 307)] {
            let actions =
                format!("SecAction \"id:1,phase:1,redirect:https://a.test/%{{unique_id}}{status}\"");
            let Disruptive::Redirect { status, .. } = rule(&actions).disruptive else { panic!("{actions}") };
            assert_eq!(status, expected, "{actions}");
        }
    }

    #[test]
    fn rules_say_what_they_are() {
        let rule = rule(
            "SecRule ARGS|!ARGS:x|&ARGS \"@rx x\" \"id:7,phase:request,severity:2,skip:3,\\\n  \
            msg:'m',ver:'v',rev:'r',maturity:9,accuracy:8,tag:'a',tag:'paranoia-level/3',capture,multiMatch\"",
        );
        assert_eq!((rule.id.get(), rule.phase, rule.skip), (7, Phase::RequestBody, Some(Skip::Count(3))));
        let meta = &rule.meta;
        assert_eq!(
            (meta.severity, meta.paranoia),
            (Some(RuleSeverity::Critical), Some(ParanoiaLevel::Three))
        );
        assert_eq!((meta.maturity, meta.accuracy, meta.tags.len()), (Some(9), Some(8), 2));
        let link = &rule.links[0];
        assert_eq!((link.targets.len(), link.exclusions.len()), (2, 1));
        assert!(!link.negated && link.capture && link.multi_match && link.targets[1].count);
        assert_eq!(rule.location.line_column(), (1, 1));
        assert_eq!(rule.location.end_line_column().0, 2);
    }

    #[test]
    fn chains_are_one_rule() {
        let ruleset = ruleset(
            "SecRule ARGS \"@rx a\" \"id:1,phase:1,deny,chain\"\n  SecRule ARGS \"@rx b\" \"chain,t:trim\"\n  \
             SecRule ARGS \"@rx c\"\nSecMarker M\nSecAction \"id:2,phase:1,pass,skipAfter:N\"\nSecMarker N",
        );
        let links: Vec<usize> = ruleset.rules.iter().map(|rule| rule.links.len()).collect();
        assert_eq!(links, [3, 1]);
        assert_eq!(ruleset.phases[0], [Step::Rule(0), Step::Marker, Step::Rule(1), Step::Marker]);
        assert_eq!(ruleset.phases[4], [Step::Marker, Step::Marker]);
        assert_eq!((ruleset.markers[0]["N"], ruleset.markers[4]["N"]), (3, 1));
    }

    #[test]
    fn rules_may_be_skipped_to_by_id() {
        let ruleset = ruleset("SecAction \"id:1,phase:1,pass,skipAfter:2\"\nSecAction \"id:2,phase:1,pass\"");
        assert_eq!(ruleset.markers[0]["2"], 1);
    }

    #[test]
    fn operators_without_their_database_never_match() {
        let text = "SecRule REMOTE_ADDR \"@geoLookup\" \"id:1,phase:1,deny\"";
        let loaded = crate::seclang::load(
            vec![crate::seclang::Source::text("x", text)],
            &crate::seclang::MemoryFiles::default(),
        );
        assert!(!loaded.has_errors() && loaded.diagnostics.len() == 1);
        assert!(matches!(loaded.ruleset.rules[0].links[0].operator, crate::operator::Operator::NoMatch));
    }

    #[test]
    fn all_faults_are_found_at_once() {
        let text = "SecRule ARG \"@rxx (\" \"phase:9,t:nope,dny\"\nSecRul x\nSecMarker";
        let expected = [
            "unknown-variable",
            "unknown-operator",
            "invalid-phase",
            "unknown-transformation",
            "unknown-action",
            "missing-id",
            "unknown-directive",
            "missing-argument",
        ];
        assert_eq!(codes(text), expected);
    }
}
