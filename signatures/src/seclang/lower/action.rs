//! Every action of the ModSecurity v3 reference, and what becomes of it.

use super::super::mapped::Mapped;
use super::super::parser::ActionNode;
use super::draft::{Disruption, Draft};
use super::setting::{number_of, value_of};
use super::{Fate, change, ctl, did_you_mean, lint};
use crate::transformation::Transformation;
use crate::{Action, AllowScope, Ctl, Diagnostic, Link, RuleSeverity, Sanitise, Skip, Text, Variable};

/// Where an action stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// In a chained rule.
    Chained,
    /// In `SecDefaultAction`.
    Default,
    /// In a rule of its own, or the first of a chain.
    Head,
    /// In `SecRuleUpdateActionById`.
    Update,
}

/// What an action is about, which decides where it may stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    /// What a match does to the transaction; the first rule of a chain says it.
    Disruptive,
    /// Where evaluation goes on; the first rule of a chain says it.
    Flow,
    /// What the rule says about itself; the first rule of a chain says it.
    Meta,
    /// What each rule of a chain may say.
    Own,
    /// `id`, `phase` and `chain`, which are read before the others.
    Structure,
}

/// Whether an action has a value.
#[derive(Clone, Copy)]
enum Takes {
    Maybe,
    Nothing,
    Value,
}

struct Spec {
    name: &'static str,
    group: Group,
    takes: Takes,
    fate: Fate,
    /// Given the value, or the name when there is none; asked where the action does something.
    apply: fn(&mut Applying<'_>, &Mapped),
}

/// Every action, with what becomes of it.
pub(in crate::seclang) fn actions() -> impl Iterator<Item = (&'static str, Fate)> {
    ACTIONS.iter().map(|spec| (spec.name, spec.fate))
}

/// Reads a rule's actions into its draft.
pub(super) struct Applying<'a> {
    draft: &'a mut Draft,
    link: usize,
    position: Position,
    pub(super) out: &'a mut Vec<Diagnostic>,
}

/// Applies actions in their order to a link of a draft.
pub(super) fn apply_all<'n>(
    nodes: impl IntoIterator<Item = &'n ActionNode>,
    draft: &mut Draft,
    link: usize,
    position: Position,
    out: &mut Vec<Diagnostic>,
) {
    let mut applying = Applying { draft, link, position, out };
    for node in nodes {
        applying.node(node);
    }
}

/// Whether there is an action of that name.
pub(super) fn is_action(name: &str) -> bool {
    ACTIONS.iter().any(|spec| spec.name.eq_ignore_ascii_case(name))
}

/// What was meant by an action that does not exist.
fn meant(name: &str) -> Option<String> {
    if let Some(transformation) = Transformation::parse(name) {
        return Some(format!("did you mean `t:{}`?", transformation.name()));
    }
    if let Some((action, value)) = name.split_once('=').filter(|(action, _)| is_action(action)) {
        return Some(format!("did you mean `{action}:{value}`?"));
    }
    did_you_mean(name, ACTIONS.iter().map(|spec| spec.name))
}

impl Applying<'_> {
    fn node(&mut self, node: &ActionNode) {
        let name = node.name.as_str();
        let Some(spec) = ACTIONS.iter().find(|spec| spec.name.eq_ignore_ascii_case(name)) else {
            self.out.push(
                Diagnostic::error("unknown-action", format!("unknown action `{name}`"))
                    .at(node.name.location(), "not an action")
                    .help(meant(name)),
            );
            return;
        };
        if !self.may_stand(spec, node) {
            return;
        }
        match (spec.takes, &node.value) {
            (Takes::Value, None) => self.out.push(
                Diagnostic::error("missing-value", format!("action `{name}` needs a value"))
                    .at(node.name.location(), format!("expected `{name}:value`")),
            ),
            (Takes::Nothing, Some(value)) => self.out.push(
                Diagnostic::error("unexpected-value", format!("action `{name}` takes no value"))
                    .at(value.location(), "not expected here")
                    .help(extra_value_help(name)),
            ),
            (_, value) => self.apply(spec, value.as_ref().unwrap_or(&node.name)),
        }
    }

    /// Whether the action may stand where it does; says so when it may not.
    fn may_stand(&mut self, spec: &Spec, node: &ActionNode) -> bool {
        let name = spec.name;
        let place = node.name.location();
        let wrong = match (self.position, spec.group) {
            (Position::Chained, Group::Structure) if name == "id" => {
                Diagnostic::error("id-in-chain", "a chained rule has no id of its own")
                    .at(place, "the first rule of the chain has the id")
                    .help("remove `id`".to_owned())
            }
            (Position::Chained, Group::Disruptive) => {
                Diagnostic::error("disruptive-in-chain", format!("`{name}` stands in a chained rule"))
                    .at(place, "the first rule of the chain says what is done")
                    .help(format!("move `{name}` to the first rule of the chain"))
            }
            (Position::Chained, Group::Flow) => {
                Diagnostic::error("skip-in-chain", format!("`{name}` stands in a chained rule"))
                    .at(place, "the first rule of the chain says where to go on")
                    .help(format!("move `{name}` to the first rule of the chain"))
            }
            (Position::Chained, Group::Meta) => {
                Diagnostic::warning("metadata-in-chain", format!("`{name}` has no effect in a chained rule"))
                    .at(place, "the first rule of the chain says this")
                    .help(format!("move `{name}` to the first rule of the chain"))
            }
            (Position::Default, Group::Structure) if name == "phase" => return true,
            (Position::Default, Group::Structure | Group::Flow) => not_a_default(name, node),
            (Position::Default, Group::Meta) if !DEFAULT_META.contains(&name) => not_a_default(name, node),
            (Position::Default, Group::Disruptive) if name == "block" => not_a_default(name, node),
            (Position::Update, Group::Structure) => {
                Diagnostic::error("invalid-update", format!("`{name}` cannot be changed"))
                    .at(place, "not part of an update")
                    .help("remove the rule with `SecRuleRemoveById` and write it anew".to_owned())
            }
            _ => return true,
        };
        self.out.push(wrong);
        false
    }

    fn link(&mut self) -> &mut Link {
        // `apply_all` is given an index of an existing link; links are never removed.
        &mut self.draft.links[self.link]
    }

    fn push(&mut self, action: Option<Action>) {
        if let Some(action) = action {
            self.link().actions.push(action);
        }
    }

    fn transformation(&mut self, name: &Mapped) {
        if name.as_str().eq_ignore_ascii_case("none") {
            self.link().transformations.clear();
            return;
        }
        let names = Transformation::ALL.iter().map(|known| known.name()).chain(["none"]);
        match Transformation::parse(name.as_str()) {
            Some(transformation) => self.link().transformations.push(transformation),
            None => self.out.push(
                Diagnostic::error(
                    "unknown-transformation",
                    format!("unknown transformation `{}`", name.as_str()),
                )
                .at(name.location(), "not a transformation")
                .help(match name.as_str().contains(['|', '+', ' ']) {
                    true => Some("write `t:` for each: `t:urlDecodeUni,t:lowercase`".to_owned()),
                    false => did_you_mean(name.as_str(), names),
                }),
            ),
        }
    }

    fn severity(&mut self, value: &Mapped) {
        let severities = [
            ("EMERGENCY", "0", RuleSeverity::Emergency),
            ("ALERT", "1", RuleSeverity::Alert),
            ("CRITICAL", "2", RuleSeverity::Critical),
            ("ERROR", "3", RuleSeverity::Error),
            ("WARNING", "4", RuleSeverity::Warning),
            ("NOTICE", "5", RuleSeverity::Notice),
            ("INFO", "6", RuleSeverity::Info),
            ("DEBUG", "7", RuleSeverity::Debug),
        ];
        let named = severities.map(|(name, _, severity)| (name, severity));
        let numbered = severities.iter().find(|(_, number, _)| *number == value.as_str());
        let found = match numbered {
            Some((_, _, severity)) => Some(*severity),
            None => value_of(value, &named, self.out),
        };
        self.draft.meta.severity = found.or(self.draft.meta.severity);
    }

    /// `maturity` and `accuracy`: one digit.
    fn digit(&mut self, value: &Mapped) -> Option<u8> {
        let digit = number_of::<u8>(value, self.out)?;
        if digit > 9 {
            self.out.push(
                Diagnostic::error("invalid-number", format!("`{digit}` is too large"))
                    .at(value.location(), "expected 0-9"),
            );
            return None;
        }
        Some(digit)
    }

    fn status(&mut self, value: &Mapped) {
        match number_of::<u16>(value, self.out) {
            Some(status @ 100..=599) => {
                self.draft.status = Some(status);
                self.draft.status_location = Some(value.location());
            }
            Some(status) => self.out.push(
                Diagnostic::error("invalid-status", format!("`{status}` is not an HTTP status"))
                    .at(value.location(), "expected 100-599"),
            ),
            None => {}
        }
    }

    fn allow(&mut self, value: &Mapped) {
        let scope = match value.as_str().to_ascii_lowercase().as_str() {
            "allow" => Some(AllowScope::Transaction),
            _ => value_of(value, &[("phase", AllowScope::Phase), ("request", AllowScope::Request)], self.out),
        };
        if let Some(scope) = scope {
            self.draft.disruption = Disruption::Allow(scope);
        }
    }

    fn sanitise(&mut self, collection: &str, name: &Mapped) {
        let name = format!("{collection}:{}", name.as_str());
        self.push(Some(Action::Sanitise(Sanitise::Named(name.into()))));
    }

    fn skip(&mut self, skip: Option<Skip>, value: &Mapped) {
        if skip.is_some() {
            self.draft.skip = skip;
            self.draft.skip_location = Some(value.location());
        }
    }

    fn apply(&mut self, spec: &Spec, value: &Mapped) {
        let action = spec.name;
        match spec.fate {
            Fate::Done => (spec.apply)(self, value),
            Fate::NoEffect(why) => self.out.push(
                Diagnostic::warning("no-effect", format!("action `{action}` has no effect here"))
                    .at(value.location(), why),
            ),
            Fate::Refused(why) => self.out.push(
                Diagnostic::error("unsupported-action", format!("action `{action}` is not supported"))
                    .at(value.location(), why),
            ),
        }
    }
}

/// Reads text with macros; one whose name is no variable is reported.
pub(super) fn text(written: &Mapped, out: &mut Vec<Diagnostic>) -> Option<Text> {
    lint::unclosed_macro(written, out);
    match Text::parse(written.as_str()) {
        Ok(text) => Some(text),
        Err(name) => {
            let variable = name.split(['.', ':']).next().unwrap_or(name);
            let range = written.range_of(name);
            let help = did_you_mean(variable, Variable::ALL.iter().map(|variable| variable.name()));
            out.push(
                Diagnostic::error("unknown-macro", format!("unknown variable in macro `%{{{name}}}`"))
                    .at(written.location_of(range), "not a variable")
                    .help(help.map(|help| help.to_ascii_lowercase())),
            );
            None
        }
    }
}

fn not_a_default(name: &'static str, node: &ActionNode) -> Diagnostic {
    Diagnostic::error("invalid-default-action", format!("`{name}` cannot be a default"))
        .at(node.name.location(), "belongs to rules")
        .help(
            "`SecDefaultAction` takes `phase`, a disruptive action, `log`, `auditlog`, `status` and `t`"
                .to_owned(),
        )
}

fn extra_value_help(name: &str) -> Option<String> {
    let names_status = ["deny", "block", "drop"].iter().any(|action| action.eq_ignore_ascii_case(name));
    names_status.then(|| "name the status by `status:N`".to_owned())
}

/// What of [`Group::Meta`] `SecDefaultAction` may say.
const DEFAULT_META: [&str; 5] = ["auditlog", "log", "noauditlog", "nolog", "severity"];

const fn spec(name: &'static str, group: Group, takes: Takes, apply: fn(&mut Applying<'_>, &Mapped)) -> Spec {
    Spec { name, group, takes, fate: Fate::Done, apply }
}

const fn refused(name: &'static str, group: Group, takes: Takes, why: &'static str) -> Spec {
    Spec { name, group, takes, fate: Fate::Refused(why), apply: |_, _| {} }
}

const fn without_effect(name: &'static str, group: Group, takes: Takes, why: &'static str) -> Spec {
    Spec { name, group, takes, fate: Fate::NoEffect(why), apply: |_, _| {} }
}

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "methods of a type with a lifetime are not general enough"
)]
static ACTIONS: &[Spec] = &[
    spec("accuracy", Group::Meta, Takes::Value, |to, value| to.draft.meta.accuracy = to.digit(value)),
    spec("allow", Group::Disruptive, Takes::Maybe, |to, value| to.allow(value)),
    refused("append", Group::Own, Takes::Value, "responses are not rewritten"),
    spec("auditlog", Group::Meta, Takes::Nothing, |to, _| to.draft.audit_log = true),
    spec("block", Group::Disruptive, Takes::Nothing, |to, _| to.draft.disruption = to.draft.block.clone()),
    spec("capture", Group::Own, Takes::Nothing, |to, _| to.link().capture = true),
    spec("chain", Group::Structure, Takes::Nothing, |_, _| {}),
    spec("ctl", Group::Own, Takes::Value, |to, value| {
        let controls = ctl::ctl(value, to.out);
        if let Some(Ctl::RuleRemove(rules) | Ctl::RuleRemoveTarget(rules, _)) = controls.first() {
            let (_, meant) = value.split_once('=').unwrap_or_else(|| (value.clone(), value.clone()));
            to.draft.selections.push((rules.clone(), meant.trim()));
        }
        controls.iter().for_each(|control| ctl::warn_if_late(control, to.draft.phase, value, to.out));
        to.link().actions.extend(controls.into_iter().map(Action::Ctl));
    }),
    spec("deny", Group::Disruptive, Takes::Nothing, |to, _| to.draft.disruption = Disruption::Deny),
    spec("deprecatevar", Group::Own, Takes::Value, |to, value| {
        let action = change::deprecate(value, to.out);
        to.push(action);
    }),
    spec("drop", Group::Disruptive, Takes::Nothing, |to, _| to.draft.disruption = Disruption::Drop),
    refused("exec", Group::Own, Takes::Value, "no program is started from rules"),
    spec("expirevar", Group::Own, Takes::Value, |to, value| {
        let action = change::expire(value, to.out);
        to.push(action);
    }),
    spec("id", Group::Structure, Takes::Value, |_, _| {}),
    spec("initcol", Group::Own, Takes::Value, |to, value| {
        let action = change::open_collection(value, to.out);
        to.push(action);
    }),
    spec("log", Group::Meta, Takes::Nothing, |to, _| (to.draft.log, to.draft.audit_log) = (true, true)),
    spec("logdata", Group::Meta, Takes::Value, |to, value| to.draft.meta.logdata = text(value, to.out)),
    spec("maturity", Group::Meta, Takes::Value, |to, value| to.draft.meta.maturity = to.digit(value)),
    spec("msg", Group::Meta, Takes::Value, |to, value| {
        to.draft.meta.msg = text(value, to.out);
        to.draft.msg_text = Some(value.as_str().to_owned());
    }),
    spec("multiMatch", Group::Own, Takes::Nothing, |to, _| to.link().multi_match = true),
    spec("noauditlog", Group::Meta, Takes::Nothing, |to, _| to.draft.audit_log = false),
    spec("nolog", Group::Meta, Takes::Nothing, |to, _| (to.draft.log, to.draft.audit_log) = (false, false)),
    spec("pass", Group::Disruptive, Takes::Nothing, |to, _| to.draft.disruption = Disruption::Pass),
    refused(
        "pause",
        Group::Disruptive,
        Takes::Value,
        "a waiting connection costs the server more than the client",
    ),
    spec("phase", Group::Structure, Takes::Value, |_, _| {}),
    refused("prepend", Group::Own, Takes::Value, "responses are not rewritten"),
    refused("proxy", Group::Disruptive, Takes::Value, "assets name their upstream"),
    spec("redirect", Group::Disruptive, Takes::Value, |to, value| {
        if value.is_empty() {
            to.out.push(
                Diagnostic::error("missing-value", "`redirect` needs an address")
                    .at(value.location(), "expected `redirect:https://...`"),
            );
        } else if let Some(location) = text(value, to.out) {
            to.draft.disruption = Disruption::Redirect(location);
        }
    }),
    spec("rev", Group::Meta, Takes::Value, |to, value| to.draft.meta.revision = Some(value.as_str().into())),
    spec("sanitiseArg", Group::Own, Takes::Value, |to, value| to.sanitise("ARGS", value)),
    spec("sanitiseMatched", Group::Own, Takes::Nothing, |to, _| {
        to.push(Some(Action::Sanitise(Sanitise::Matched)));
    }),
    spec("sanitiseMatchedBytes", Group::Own, Takes::Maybe, |to, _| {
        to.push(Some(Action::Sanitise(Sanitise::Matched)));
    }),
    spec("sanitiseRequestHeader", Group::Own, Takes::Value, |to, value| {
        to.sanitise("REQUEST_HEADERS", value);
    }),
    spec("sanitiseResponseHeader", Group::Own, Takes::Value, |to, value| {
        to.sanitise("RESPONSE_HEADERS", value);
    }),
    spec("setenv", Group::Own, Takes::Value, |to, value| {
        let action = change::set_env(value, to.out);
        to.push(action);
    }),
    spec("setrsc", Group::Own, Takes::Value, |to, value| {
        let action = change::set_id("resource", value, to.out);
        to.push(action);
    }),
    spec("setsid", Group::Own, Takes::Value, |to, value| {
        let action = change::set_id("session", value, to.out);
        to.push(action);
    }),
    spec("setuid", Group::Own, Takes::Value, |to, value| {
        let action = change::set_id("user", value, to.out);
        to.push(action);
    }),
    spec("setvar", Group::Own, Takes::Value, |to, value| {
        let action = change::set_var(value, to.out);
        to.push(action);
    }),
    spec("severity", Group::Meta, Takes::Value, |to, value| to.severity(value)),
    spec("skip", Group::Flow, Takes::Value, |to, value| {
        let count = number_of(value, to.out).map(Skip::Count);
        to.skip(count, value);
    }),
    spec("skipAfter", Group::Flow, Takes::Value, |to, value| {
        to.skip(Some(Skip::After(value.as_str().into())), value);
    }),
    spec("status", Group::Disruptive, Takes::Value, |to, value| to.status(value)),
    spec("t", Group::Own, Takes::Value, |to, value| to.transformation(value)),
    spec("tag", Group::Meta, Takes::Value, |to, value| {
        if let Some(tag) = text(value, to.out) {
            to.draft.tag(value.as_str(), tag);
        }
    }),
    spec("ver", Group::Meta, Takes::Value, |to, value| to.draft.meta.version = Some(value.as_str().into())),
    without_effect(
        "xmlns",
        Group::Own,
        Takes::Value,
        "a name with a prefix means that name in any namespace",
    ),
];
