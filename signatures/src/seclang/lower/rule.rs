//! `SecRule`, `SecAction` and `SecDefaultAction`.

use std::num::NonZeroU32;
use std::ops::Range;

use super::super::lexer::Directive;
use super::super::mapped::Mapped;
use super::super::parser::{self, ActionNode};
use super::action::{Position, apply_all};
use super::draft::Draft;
use super::link::{link, unconditional};
use super::{Item, Lowering, report_count, words};
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
        let link = link(targets, operator, files, &mut self.diagnostics);
        self.rule(directive, link, actions, reported);
    }

    pub(super) fn sec_action(&mut self, directive: &Directive, _: &dyn DataFiles) {
        let reported = self.diagnostics.len();
        if let Some([actions]) = words(directive, &mut self.diagnostics) {
            self.rule(directive, unconditional(), Some(actions), reported);
        }
    }

    /// Begins a rule or goes on with a chain; `reported` is how many diagnostics there were before it.
    fn rule(&mut self, directive: &Directive, link: Link, actions: Option<&Mapped>, reported: usize) {
        let nodes =
            actions.map(|actions| parser::actions(actions, &mut self.diagnostics)).unwrap_or_default();
        let mut draft = match self.open.take() {
            Some(open) => self.chained(open, link, &nodes),
            None => self.head(directive, link, &nodes),
        };
        draft.span.end = draft.span.end.max(end(directive));
        let found = &mut self.diagnostics[reported..];
        draft.left_out |= found.iter().any(|found| found.severity == Severity::Error);
        if draft.is_of_crs() {
            found.iter_mut().for_each(spare);
        }
        if nodes.iter().any(|node| node.name.as_str().eq_ignore_ascii_case("chain")) {
            self.open = Some(draft);
        } else {
            self.close(draft);
        }
    }

    fn head(&mut self, directive: &Directive, link: Link, nodes: &[ActionNode]) -> Draft {
        let phase = phase(nodes, &mut self.diagnostics).unwrap_or(Phase::RequestBody);
        let mut draft = Draft::new(phase, directive.name.location());
        draft.links.push(link);
        self.apply_defaults(&mut draft);
        draft.block = draft.disruption.clone();
        apply_all(nodes, &mut draft, 0, Position::Head, &mut self.diagnostics);
        draft.id = id(nodes, directive, &mut self.diagnostics);
        draft
    }

    fn chained(&mut self, mut draft: Draft, link: Link, nodes: &[ActionNode]) -> Draft {
        draft.links.push(link);
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
        let nodes = parser::actions(word, &mut self.diagnostics);
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
        trial.links.push(unconditional());
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

/// What CRS asks for and is not done here leaves out one rule, visibly, and not the whole of CRS: CRS 3.3
/// has a few patterns with lookaround, and rules that ask name servers.
fn spare(found: &mut Diagnostic) {
    if matches!(found.code, "unsupported-regex" | "unsupported-operator") {
        found.severity = Severity::Warning;
        found.help = Some("this rule of CRS is left out, the others run".to_owned());
    }
}

fn find<'n>(nodes: &'n [ActionNode], name: &str) -> Option<&'n ActionNode> {
    nodes.iter().rev().find(|node| node.name.as_str().eq_ignore_ascii_case(name))
}

/// The phase the actions name; `None` when they name none, or a wrong one, which is reported.
fn phase(nodes: &[ActionNode], out: &mut Vec<Diagnostic>) -> Option<Phase> {
    let node = find(nodes, "phase")?;
    let value = node.value.as_ref().map_or("", Mapped::as_str);
    let phase = match value.to_ascii_lowercase().as_str() {
        "1" => Some(Phase::RequestHeaders),
        "2" | "request" => Some(Phase::RequestBody),
        "3" => Some(Phase::ResponseHeaders),
        "4" | "response" => Some(Phase::ResponseBody),
        "5" | "logging" => Some(Phase::Logging),
        _ => None,
    };
    if phase.is_none() {
        out.push(Diagnostic::error("invalid-phase", format!("`{value}` is not a phase")).at(
            node.value.as_ref().unwrap_or(&node.name).location(),
            "expected 1-5, `request`, `response` or `logging`",
        ));
    }
    phase
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
