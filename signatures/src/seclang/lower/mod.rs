//! Directives to rules: names resolved, patterns compiled, defaults applied.

mod action;
mod audit;
mod change;
#[cfg(test)]
mod check;
mod comma;
mod ctl;
mod directive;
mod draft;
mod early;
mod finish;
mod link;
mod lint;
mod pattern;
mod rbl;
mod rule;
mod select;
mod setting;
mod target;
mod unicode;
mod update;

use std::collections::HashMap;
use std::rc::Rc;

use self::directive::{DIRECTIVES, Kind};
use self::draft::Draft;
use super::lexer::Directive;
use super::mapped::Mapped;
use super::parser::ActionNode;
use crate::operator::DataFiles;
use crate::suggest::closest;
use crate::{AuditType, Diagnostic, Location, RuleId, Settings};

/// What becomes of a name of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It does something.
    Done,
    /// It is accepted, and changes nothing, with the reason.
    NoEffect(&'static str),
    /// It is refused, with the reason.
    Refused(&'static str),
}

/// Every directive, with what becomes of it.
pub(super) fn directives() -> impl Iterator<Item = (&'static str, Fate)> {
    DIRECTIVES.iter().map(|(name, kind)| {
        let fate = match kind {
            Kind::WithoutEffect(why) => Fate::NoEffect(why),
            Kind::Refused(why) => Fate::Refused(why),
            _ => Fate::Done,
        };
        (*name, fate)
    })
}

pub(super) use action::actions;
pub(super) use ctl::controls;
pub(super) use target::unsupported_variables;

/// What was lowered so far.
#[derive(Default)]
pub(super) struct Lowering {
    pub(super) diagnostics: Vec<Diagnostic>,
    notes: Vec<Diagnostic>,
    settings: Settings,
    /// `SecDefaultAction` of each phase.
    defaults: [Rc<[ActionNode]>; 5],
    drafts: Vec<Draft>,
    order: Vec<Item>,
    /// The chain whose next rule is awaited.
    open: Option<Draft>,
    ids: HashMap<RuleId, Location>,
    /// Where `SecAuditLogType Concurrent` stands.
    concurrent: Option<Location>,
    /// Rules that a directive removed, and which.
    removed: Vec<(RuleId, Location)>,
}

/// What stands in the files, in their order.
enum Item {
    Marker(Mapped),
    /// An index into the drafts.
    Rule(usize),
}

impl Lowering {
    pub(super) fn directive(&mut self, directive: &Directive, files: &dyn DataFiles) {
        let name = directive.name.as_str();
        if name.starts_with('<') {
            return self.section(directive);
        }
        match DIRECTIVES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, kind)) => self.known(directive, kind, files),
            None => self.unknown(&directive.name),
        }
    }

    fn known(&mut self, directive: &Directive, kind: &Kind, files: &dyn DataFiles) {
        match kind {
            Kind::Action => self.sec_action(directive, files),
            Kind::DefaultAction => self.sec_default_action(directive),
            Kind::Marker => self.sec_marker(directive),
            Kind::Rule => self.sec_rule(directive, files),
            Kind::Remove(by) => self.remove(directive, *by),
            Kind::UpdateActions => self.update_actions(directive),
            Kind::UpdateTargets(by) => self.update_targets(directive, *by),
            Kind::Setting(set) => {
                set(&mut self.settings, directive, &mut self.diagnostics);
                let audit = &self.settings.audit;
                if audit.kind == AuditType::Concurrent && self.concurrent.is_none() {
                    self.concurrent = Some(directive.location());
                }
            }
            Kind::FileSetting(set) => set(&mut self.settings, directive, files, &mut self.diagnostics),
            Kind::WithoutEffect(why) => self.diagnostics.push(
                Diagnostic::warning("no-effect", format!("`{}` has no effect here", directive.name.as_str()))
                    .at(directive.name.location(), *why),
            ),
            Kind::Refused(why) => self.diagnostics.push(
                Diagnostic::error(
                    "unsupported-directive",
                    format!("`{}` is not supported", directive.name.as_str()),
                )
                .at(directive.name.location(), *why),
            ),
        }
    }

    fn unknown(&mut self, name: &Mapped) {
        if is_rest_of_rule(name) {
            self.diagnostics.push(
                Diagnostic::error("missing-backslash", "a line begins with what belongs to a directive")
                    .at(name.location(), "not a directive")
                    .help("end the line above with a backslash, and nothing after it".to_owned()),
            );
            return;
        }
        let known = DIRECTIVES.iter().map(|(known, _)| *known).chain(["Include", "IncludeOptional"]);
        self.diagnostics.push(
            Diagnostic::error("unknown-directive", format!("unknown directive `{}`", name.as_str()))
                .at(name.location(), "not a directive")
                .help(match name.as_str().to_ascii_lowercase().starts_with("modsecurity") {
                    true => {
                        Some("this belongs to nginx: `mode` and `rules` of a policy say it here".to_owned())
                    }
                    false => did_you_mean(name.as_str(), known),
                }),
        );
    }

    /// Apache's sections: `<IfModule>` only asks whether there is an engine; others narrow what rules apply to.
    fn section(&mut self, directive: &Directive) {
        let name = directive.name.as_str().trim_matches(['<', '>']);
        if directive.name.as_str().starts_with("</") {
            return;
        }
        let asks_absence = directive.words.first().is_some_and(|word| word.as_str().starts_with('!'));
        if name.eq_ignore_ascii_case("IfModule") && !asks_absence {
            return;
        }
        self.diagnostics.push(
            Diagnostic::error("unsupported-section", format!("section `<{name}>` is not supported"))
                .at(directive.name.location(), "rules in it would apply to everything")
                .help(
                    "give assets their own policies, or test `REQUEST_FILENAME` or `SERVER_NAME` in the rule"
                        .to_owned(),
                ),
        );
    }

    fn sec_marker(&mut self, directive: &Directive) {
        self.end_chain();
        if let Some([name]) = words(directive, &mut self.diagnostics) {
            self.order.push(Item::Marker(name.clone()));
        }
    }
}

/// The words of a directive, when there are exactly as many as it takes.
fn words<'d, const N: usize>(directive: &'d Directive, out: &mut Vec<Diagnostic>) -> Option<&'d [Mapped; N]> {
    if let Ok(words) = directive.words.as_slice().try_into() {
        return Some(words);
    }
    report_count(directive, N, out);
    None
}

fn report_count(directive: &Directive, wanted: usize, out: &mut Vec<Diagnostic>) {
    let name = directive.name.as_str();
    let diagnostic = match directive.words.get(wanted) {
        Some(extra) => Diagnostic::error("unexpected-argument", format!("`{name}` has too many arguments"))
            .at(extra.location(), format!("it takes {wanted}"))
            .help("put an argument that holds white space in double quotes".to_owned()),
        None => Diagnostic::error("missing-argument", format!("`{name}` has too few arguments"))
            .at(directive.name.location(), format!("it takes {wanted}, here are {}", directive.words.len())),
    };
    out.push(diagnostic);
}

/// Whether a directive's name is what an operator or actions are written like.
fn is_rest_of_rule(name: &Mapped) -> bool {
    let text = name.as_str();
    let is_quoted = text.contains([':', ',', ' ']) && !text.to_ascii_lowercase().starts_with("sec");
    let first = text.split([':', ',', ' ']).next().unwrap_or_default();
    text.starts_with('@') || is_quoted && action::is_action(first.trim())
}

/// The help line that names the closest known name.
fn did_you_mean<'a>(wanted: &str, among: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(wanted, among).map(|name| format!("did you mean `{name}`?"))
}
