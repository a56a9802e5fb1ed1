//! A rule while its actions are being read.

use std::ops::Range;

use crate::{AllowScope, Disruptive, Link, Location, Meta, ParanoiaLevel, Phase, Rule, RuleId, Skip, Text};

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
    /// What the rule itself or `SecDefaultAction` asks for.
    pub(super) disruption: Disruption,
    /// What `block` means: what `SecDefaultAction` asks for.
    pub(super) block: Disruption,
    pub(super) status: Option<u16>,
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
            disruption: Disruption::Pass,
            block: Disruption::Pass,
            status: None,
            skip: None,
            skip_location: None,
            log: true,
            audit_log: true,
            span: name_location.span.clone(),
            name_location,
            left_out: false,
        }
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
