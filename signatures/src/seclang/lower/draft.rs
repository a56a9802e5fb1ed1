//! A rule while its actions are being read.

use std::ops::Range;

use super::super::mapped::Mapped;
use super::super::parser::OperatorNode;
use crate::{
    AllowScope, Disruptive, Link, Location, Meta, ParanoiaLevel, Phase, Rule, RuleId, RuleSelector, Skip,
    Text,
};

/// A rule that later directives may still change or remove.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) id: Option<RuleId>,
    pub(super) phase: Phase,
    pub(super) meta: Meta,
    /// `msg` as written, for `SecRuleRemoveByMsg` and its like.
    pub(super) msg_text: Option<String>,
    /// Tags as written, for `SecRuleRemoveByTag` and its like.
    pub(super) tag_texts: Vec<String>,
    pub(super) links: Vec<Link>,
    /// What each link was read from; `None` for `SecAction`.
    pub(super) written: Vec<Option<Written>>,
    /// Which rules its `ctl`s mean, and where they say so.
    pub(super) selections: Vec<(RuleSelector, Mapped)>,
    /// The directives that changed it after it was read.
    pub(super) changes: Vec<Location>,
    /// What the rule itself or `SecDefaultAction` asks for.
    pub(super) disruption: Disruption,
    /// What `block` means: what `SecDefaultAction` asks for.
    pub(super) block: Disruption,
    pub(super) status: Option<u16>,
    /// Where `status` was written.
    pub(super) status_location: Option<Location>,
    pub(super) skip: Option<Skip>,
    /// Where `skip` was written.
    pub(super) skip_location: Option<Location>,
    pub(super) log: bool,
    pub(super) audit_log: bool,
    /// Where the rule begins: its `SecRule`.
    pub(super) name_location: Location,
    /// The whole of it.
    pub(super) span: Range<usize>,
    /// Whether it is left out: it has errors, or a directive removed it.
    pub(super) left_out: bool,
}

/// Targets and operator of a link as they were written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) targets: Mapped,
    pub(super) operator: OperatorNode,
}

/// A disruptive action before its status is known.
#[derive(Clone, Debug, Default)]
pub(super) enum Disruption {
    Allow(AllowScope),
    Deny,
    Drop,
    #[default]
    Pass,
    Redirect(Text),
}

impl Draft {
    /// A rule in a phase, as it is before any action: logged and passing, which is the reference's default.
    pub(super) fn new(phase: Phase, name_location: Location) -> Self {
        Self {
            id: None,
            phase,
            meta: Meta::default(),
            msg_text: None,
            tag_texts: Vec::new(),
            links: Vec::new(),
            written: Vec::new(),
            selections: Vec::new(),
            changes: Vec::new(),
            disruption: Disruption::Pass,
            block: Disruption::Pass,
            status: None,
            status_location: None,
            skip: None,
            skip_location: None,
            log: true,
            audit_log: true,
            span: name_location.span.clone(),
            name_location,
            left_out: false,
        }
    }

    /// Adds a link with what it was read from.
    pub(super) fn push(&mut self, (link, written): (Link, Option<Written>)) {
        self.links.push(link);
        self.written.push(written);
    }

    /// Whether it runs.
    pub(super) fn runs(&self) -> bool {
        !self.left_out && self.id.is_some()
    }

    /// The rule as it runs; `None` when it is left out.
    pub(super) fn finish(self) -> Option<Rule> {
        if self.left_out {
            return None;
        }
        let disruptive = disruptive(self.disruption, self.status);
        Some(Rule {
            id: self.id?,
            phase: self.phase,
            meta: self.meta,
            links: self.links,
            disruptive,
            skip: self.skip,
            log: self.log,
            audit_log: self.audit_log,
            location: Location { file: self.name_location.file, span: self.span },
            changes: self.changes,
        })
    }

    /// Adds a tag; `paranoia-level/N` also says the level.
    pub(super) fn tag(&mut self, written: &str, tag: Text) {
        if let Some(level) = written.strip_prefix("paranoia-level/").and_then(paranoia) {
            self.meta.paranoia = Some(level);
        }
        self.tag_texts.push(written.to_owned());
        self.meta.tags.push(tag);
    }
}

fn paranoia(level: &str) -> Option<ParanoiaLevel> {
    match level {
        "1" => Some(ParanoiaLevel::One),
        "2" => Some(ParanoiaLevel::Two),
        "3" => Some(ParanoiaLevel::Three),
        "4" => Some(ParanoiaLevel::Four),
        _ => None,
    }
}

fn disruptive(disruption: Disruption, status: Option<u16>) -> Disruptive {
    match disruption {
        Disruption::Allow(scope) => Disruptive::Allow(scope),
        Disruption::Deny => Disruptive::Deny { status: status.unwrap_or(403) },
        Disruption::Drop => Disruptive::Drop,
        Disruption::Pass => Disruptive::Pass,
        Disruption::Redirect(location) => {
            let status = status.filter(|status| matches!(status, 301 | 302 | 303 | 307)).unwrap_or(302);
            Disruptive::Redirect { location, status }
        }
    }
}
