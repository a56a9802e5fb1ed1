//! What rules remember from one phase to the next.

use super::collection::Collection;
use super::persistent::Persistent;
use super::rule_set::RuleSet;
use super::value::Value;
use crate::collections::PersistentCollection;
use crate::operator::Captures;
use crate::text::leading_number;
use crate::{RuleSeverity, Target, Variable};

/// What rules remember from one phase to the next; what a segment of a body may not leave behind.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    pub(super) tx: Collection,
    /// `TX:0`..`TX:9`, of the last match of a rule with `capture`.
    pub(super) captures: Captures,
    pub(super) env: Collection,
    /// What `@geoLookup` found last.
    pub(super) geo: Collection,
    /// In the order of [`PersistentCollection::ALL`].
    pub(super) persistent: [Persistent; 5],
    /// `setsid`.
    pub(super) session_id: Vec<u8>,
    /// `setuid`.
    pub(super) user_id: Vec<u8>,
    /// `SecWebAppId`.
    pub(super) web_app_id: Option<Box<str>>,
    /// `ctl:ruleRemoveById` and its like.
    pub(super) removed: RuleSet,
    /// `ctl:ruleRemoveTargetById` and its like.
    pub(super) removed_targets: Vec<RemovedTarget>,
    /// What a rule matched last, where others ask for it.
    pub(super) last_match: Option<Value<'static>>,
    pub(super) highest_severity: Option<RuleSeverity>,
    /// A pattern reached a limit (`MSC_PCRE_LIMITS_EXCEEDED`).
    pub(super) regex_limits_exceeded: bool,
    /// `ctl:forceRequestBodyVariable`.
    pub(super) force_request_body: bool,
}

/// A target that a `ctl` took away from some rules.
#[derive(Clone, Debug)]
pub(super) struct RemovedTarget {
    pub(super) rules: RuleSet,
    pub(super) target: Target,
}

impl Memory {
    /// The collection of this transaction that `setvar:name.x` means; names as the parser writes them, lower
    /// case. `None` for persistent ones.
    pub(super) fn collection_mut(&mut self, name: &str) -> Option<&mut Collection> {
        match name {
            "tx" => Some(&mut self.tx),
            "env" => Some(&mut self.env),
            _ => None,
        }
    }

    /// A persistent collection.
    pub(super) fn persistent(&self, collection: PersistentCollection) -> &Persistent {
        &self.persistent[collection as usize]
    }

    /// A persistent collection, to be changed.
    pub(super) fn persistent_mut(&mut self, collection: PersistentCollection) -> &mut Persistent {
        &mut self.persistent[collection as usize]
    }

    /// The group that `TX:0`..`TX:9` name.
    pub(super) fn capture(&self, name: &[u8]) -> Option<&[u8]> {
        let [digit @ b'0'..=b'9'] = name else { return None };
        self.captures.get(usize::from(digit - b'0'))
    }

    /// The value of `TX:name`, captures before variables.
    pub(super) fn tx_bytes(&self, name: &[u8]) -> Option<&[u8]> {
        self.capture(name).or_else(|| self.tx.get(name).map(|entry| &*entry.value))
    }

    /// A number in `TX`; 0 when it is not set or not a number, as in SecLang.
    pub(super) fn number(&self, name: &[u8]) -> i64 {
        self.tx.get(name).map_or(0, |entry| leading_number(&entry.value))
    }

    /// Notes a severity; the gravest stays.
    pub(super) fn note_severity(&mut self, severity: RuleSeverity) {
        self.highest_severity = Some(self.highest_severity.map_or(severity, |highest| highest.min(severity)));
    }

    /// Takes a target away from some rules; what exceeds the bound is not taken away, which errs on
    /// the side of inspection.
    pub(super) fn remove_target(&mut self, rules: RuleSet, target: Target) {
        if self.removed_targets.len() < REMOVED_TARGETS_MAX {
            self.removed_targets.push(RemovedTarget { rules, target });
        }
    }

    /// Whether one of these rules, which look at `TX` alone, was excluded, or its look at `TX`.
    pub(super) fn excludes_from(&self, rules: &RuleSet) -> bool {
        let is_target =
            |removed: &RemovedTarget| removed.target.variable == Variable::Tx && removed.rules.meets(rules);
        self.removed.meets(rules) || self.removed_targets.iter().any(is_target)
    }

    /// Remembers that a pattern reached a limit, in `TX` too, where rule 200005 of ModSecurity's recommended
    /// settings looks for it.
    pub(super) fn exceed_regex_limits(&mut self) {
        self.regex_limits_exceeded = true;
        self.tx.set(b"MSC_PCRE_LIMITS_EXCEEDED", b"1");
    }

    pub(super) fn clear(&mut self) {
        self.tx.clear();
        self.captures.clear();
        self.env.clear();
        self.geo.clear();
        self.persistent.iter_mut().for_each(Persistent::clear);
        self.session_id.clear();
        self.user_id.clear();
        self.web_app_id = None;
        self.removed.clear();
        self.removed_targets.clear();
        self.last_match = None;
        self.highest_severity = None;
        self.regex_limits_exceeded = false;
        self.force_request_body = false;
    }
}

/// Targets taken away in one transaction (count).
const REMOVED_TARGETS_MAX: usize = 256;
