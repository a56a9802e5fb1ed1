//! What matches do: `setvar` at once, everything else when the whole chain matched.

use std::borrow::Cow;

use super::evaluation::Evaluation;
use super::{Interruption, InterruptionResponse};
use crate::collections::{CollectionKey, PersistentCollection, Update, UpdateKind};
use crate::text::leading_number;
use crate::{
    Action, AllowScope, Assignment, Change, Ctl, Disruptive, EngineMode, Link, Phase, Rule, Sanitise, Text,
    Variable,
};

impl<'r> Evaluation<'r, '_> {
    /// `setvar`.
    pub(super) fn assign(&mut self, rule: &'r Rule, assignment: &Assignment) {
        if let (Change::Set(value), "tx") = (&assignment.change, assignment.collection.as_ref()) {
            return self.assign_tx(rule, &assignment.name, value);
        }
        let name = self.expanded(rule, &assignment.name);
        let kind = match &assignment.change {
            Change::Unset => UpdateKind::Unset,
            Change::Set(text) => UpdateKind::Set(self.expand(rule, Some(text)).into()),
            Change::Add(text) => self.addition(rule, &name, text, 1),
            Change::Subtract(text) => self.addition(rule, &name, text, -1),
        };
        match PersistentCollection::parse(&assignment.collection) {
            Some(collection) => self.change(collection, name.into_owned(), kind),
            None => self.set(&assignment.collection, &name, &kind),
        }
    }

    /// `setvar:tx.name=value`, the usual case: without memory of its own for the texts.
    fn assign_tx(&mut self, rule: &'r Rule, name: &Text, value: &Text) {
        let mut texts = std::mem::take(&mut self.spare_texts);
        let [full_name, full_value] = &mut texts;
        full_name.clear();
        full_value.clear();
        name.expand(&self.scope(rule), full_name);
        value.expand(&self.scope(rule), full_value);
        self.state.memory.tx.set(full_name, full_value);
        self.spare_texts = texts;
    }

    /// A text with its macros replaced; one without any is not copied.
    fn expanded<'x>(&self, rule: &Rule, text: &'x Text) -> Cow<'x, [u8]> {
        text.as_literal().map_or_else(|| Cow::Owned(self.expand(rule, Some(text))), Cow::Borrowed)
    }

    fn addition(&mut self, rule: &'r Rule, name: &[u8], text: &Text, sign: i64) -> UpdateKind {
        let amount = leading_number(&self.expanded(rule, text)).saturating_mul(sign);
        if is_anomaly_score(name) {
            self.score = self.score.saturating_add(amount);
        }
        UpdateKind::Add(amount)
    }

    /// Changes a variable of this transaction.
    fn set(&mut self, collection: &str, name: &[u8], kind: &UpdateKind) {
        let Some(collection) = self.state.memory.collection_mut(collection) else { return };
        match kind {
            UpdateKind::Add(amount) => {
                let old = collection.get(name).map_or(0, |entry| leading_number(&entry.value));
                collection.set(name, old.saturating_add(*amount).to_string().as_bytes());
            }
            UpdateKind::Set(value) => collection.set(name, value),
            UpdateKind::Unset => collection.remove(name),
            // What lives as long as the transaction does not age.
            UpdateKind::Decay { .. } | UpdateKind::Expire(_) => {}
        }
    }

    /// Changes a variable of a persistent collection.
    fn change(&mut self, collection: PersistentCollection, name: Vec<u8>, kind: UpdateKind) {
        let update = Update { name: name.into(), kind };
        self.state.memory.persistent_mut(collection).change(self.phase, update, self.now_us);
    }

    /// `initcol`, `setrsc`, `setsid`, `setuid`: names a record of a persistent collection.
    pub(super) fn open(&mut self, rule: &'r Rule, action: &Action) {
        let (Action::InitCol { collection, key } | Action::SetId { collection, key }) = action else {
            return;
        };
        let key = self.expand(rule, Some(key));
        let Some(collection) = PersistentCollection::parse(collection) else { return };
        if matches!(action, Action::SetId { .. }) {
            match collection {
                PersistentCollection::Session => self.state.memory.session_id.clone_from(&key),
                PersistentCollection::User => self.state.memory.user_id.clone_from(&key),
                _ => {}
            }
        }
        let memory = &mut self.state.memory;
        let key = CollectionKey::new(collection, memory.web_app_id.as_deref(), &key);
        let timeout_s = self.ruleset.settings.collection_timeout_s();
        memory.persistent_mut(collection).open(key, self.state.store.as_deref(), self.now_us, timeout_s);
    }

    /// Everything but `setvar`, when the whole chain matched.
    pub(super) fn perform(&mut self, rule: &'r Rule, link: &'r Link) {
        let is_last = rule.links.last().is_some_and(|last| std::ptr::eq(last, link));
        for action in &link.actions {
            match action {
                // Done at each value that matched.
                Action::SetVar(_) => {}
                Action::InitCol { .. } | Action::SetId { .. } if is_last => {}
                Action::InitCol { .. } | Action::SetId { .. } => self.open(rule, action),
                Action::Sanitise(Sanitise::Named(name)) => self.state.sanitise(name.to_string()),
                // Done at each value that matched.
                Action::Sanitise(Sanitise::Matched) => {}
                Action::DeprecateVar { collection, name, amount, period_s } => {
                    let name = self.expand(rule, Some(name));
                    let amount = leading_number(&self.expand(rule, Some(amount)));
                    let kind = UpdateKind::Decay { amount, period_s: *period_s };
                    self.age(collection, name, kind);
                }
                Action::ExpireVar { collection, name, seconds } => {
                    let name = self.expand(rule, Some(name));
                    let seconds = leading_number(&self.expand(rule, Some(seconds))).max(0);
                    let at_us = self.now_us.saturating_add(seconds.saturating_mul(1_000_000));
                    self.age(collection, name, UpdateKind::Expire(at_us));
                }
                Action::Ctl(ctl) => self.control(ctl),
            }
        }
    }

    fn age(&mut self, collection: &str, name: Vec<u8>, kind: UpdateKind) {
        if let Some(collection) = PersistentCollection::parse(collection) {
            self.change(collection, name, kind);
        }
    }

    fn control(&mut self, ctl: &Ctl) {
        let state = &mut *self.state;
        match ctl {
            Ctl::AuditEngine(engine) => state.audit_engine = Some(*engine),
            Ctl::AuditLogParts(change) => {
                let parts = state.audit_parts.unwrap_or(self.ruleset.settings.audit.parts);
                state.audit_parts = Some(change.applied(parts));
            }
            Ctl::ForceRequestBodyVariable(on) => {
                state.memory.force_request_body = *on;
                self.forget(Variable::RequestBody);
            }
            Ctl::RequestBodyAccess(on) => state.request_body_access = Some(*on),
            Ctl::RequestBodyLimit(bytes) => state.request_body_bytes_max = Some(*bytes),
            Ctl::RequestBodyProcessor(processor) => {
                state.body_processor = Some(*processor);
                self.forget(Variable::ReqbodyProcessor);
                self.forget(Variable::RequestBody);
            }
            Ctl::ResponseBodyAccess(on) => state.response_body_access = Some(*on),
            Ctl::ResponseBodyLimit(bytes) => state.response_body_bytes_max = Some(*bytes),
            Ctl::RuleEngine(mode) => state.engine = *mode,
            Ctl::RuleRemove(selector) => {
                let rules = self.plan.selected(selector, &self.ruleset.rules);
                state.memory.removed.merge(&rules);
            }
            Ctl::RuleRemoveTarget(selector, target) => {
                let rules = self.plan.selected(selector, &self.ruleset.rules);
                state.memory.remove_target(rules, target.clone());
            }
        }
    }

    /// The disruptive action of a rule that matched.
    pub(super) fn disrupt(&mut self, rule: &Rule) {
        let response = match &rule.disruptive {
            Disruptive::Pass => return,
            Disruptive::Allow(scope) => return self.allow(*scope),
            Disruptive::Deny { status } => InterruptionResponse::Deny(*status),
            Disruptive::Drop => InterruptionResponse::Drop,
            Disruptive::Redirect { location, status } => {
                InterruptionResponse::Redirect(*status, self.expand(rule, Some(location)))
            }
        };
        // In phase 5 all is over.
        if self.phase == Phase::Logging {
            return;
        }
        let enforced = self.state.engine == EngineMode::On;
        let is_first = match &self.state.interruption {
            Some(earlier) => enforced && !earlier.enforced,
            None => true,
        };
        if is_first {
            self.state.interruption = Some(Interruption { rule: rule.id, response, enforced });
        }
    }

    fn allow(&mut self, scope: AllowScope) {
        self.is_over = match scope {
            AllowScope::Phase => true,
            AllowScope::Request => self.phase <= Phase::RequestBody,
            AllowScope::Transaction => self.phase != Phase::Logging,
        };
        let widest = &mut self.state.allow;
        if widest.is_none_or(|widest| width(scope) > width(widest)) {
            *widest = Some(scope);
        }
    }
}

fn width(scope: AllowScope) -> u8 {
    match scope {
        AllowScope::Phase => 0,
        AllowScope::Request => 1,
        AllowScope::Transaction => 2,
    }
}

/// Whether a name is one under which CRS rules add what they found. CRS sums these up in
/// `blocking_*` and `detection_*`, which would count everything twice.
fn is_anomaly_score(name: &[u8]) -> bool {
    let begins = |prefix: &[u8]| name.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix));
    let is_sum = begins(b"blocking_") || begins(b"detection_");
    !is_sum && name.windows(13).any(|window| window.eq_ignore_ascii_case(b"anomaly_score"))
}
