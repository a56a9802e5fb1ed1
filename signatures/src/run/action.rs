//! What matches do: `setvar` at once, everything else when the whole chain matched.

use super::evaluation::Evaluation;
use super::memory::leading_number;
use super::{Interruption, InterruptionResponse};
use crate::{
    Action, AllowScope, Assignment, Change, Ctl, Disruptive, EngineMode, Link, Phase, Rule, Text, Variable,
};

impl<'r> Evaluation<'r, '_> {
    /// `setvar`.
    pub(super) fn assign(&mut self, rule: &'r Rule, assignment: &Assignment) {
        let name = self.expand(rule, Some(&assignment.name));
        let value = match &assignment.change {
            Change::Unset => {
                if let Some(collection) = self.state.memory.collection_mut(&assignment.collection) {
                    collection.remove(&name);
                }
                return;
            }
            Change::Set(text) => self.expand(rule, Some(text)),
            Change::Add(text) => self.change_number(rule, assignment, &name, text, 1),
            Change::Subtract(text) => self.change_number(rule, assignment, &name, text, -1),
        };
        if let Some(collection) = self.state.memory.collection_mut(&assignment.collection) {
            collection.set(&name, &value);
        }
    }

    fn change_number(
        &mut self,
        rule: &'r Rule,
        assignment: &Assignment,
        name: &[u8],
        text: &Text,
        sign: i64,
    ) -> Vec<u8> {
        let change = leading_number(&self.expand(rule, Some(text))).saturating_mul(sign);
        if is_anomaly_score(name) {
            self.score = self.score.saturating_add(change);
        }
        let collection = self.state.memory.collection_mut(&assignment.collection);
        let old =
            collection.and_then(|collection| collection.get(name).map(|entry| leading_number(&entry.value)));
        old.unwrap_or(0).saturating_add(change).to_string().into_bytes()
    }

    /// Everything but `setvar`, when the whole chain matched.
    pub(super) fn perform(&mut self, rule: &'r Rule, link: &'r Link) {
        for action in &link.actions {
            match action {
                // Done at each value that matched.
                Action::SetVar(_) => {}
                // Persistent collections begin empty with each transaction, so there is nothing to
                // load and nothing that could expire.
                Action::InitCol { .. } | Action::ExpireVar { .. } => {}
                Action::SetId { collection, key } => {
                    let key = self.expand(rule, Some(key));
                    match &**collection {
                        "session" => self.state.memory.session_id = key,
                        "user" => self.state.memory.user_id = key,
                        _ => {}
                    }
                }
                Action::Ctl(ctl) => self.control(ctl),
            }
        }
    }

    fn control(&mut self, ctl: &Ctl) {
        let state = &mut *self.state;
        match ctl {
            Ctl::AuditEngine(mode) => state.audit_engine = Some(mode.clone()),
            Ctl::AuditLogParts(parts) => state.audit_log_parts = Some(parts.clone()),
            Ctl::ForceRequestBodyVariable(on) => {
                state.memory.force_request_body = *on;
                self.forget(Variable::RequestBody);
            }
            Ctl::RequestBodyAccess(on) => state.request_body_access = Some(*on),
            Ctl::RequestBodyProcessor(processor) => {
                state.body_processor = Some(*processor);
                self.forget(Variable::ReqbodyProcessor);
                self.forget(Variable::RequestBody);
            }
            Ctl::ResponseBodyAccess(on) => state.response_body_access = Some(*on),
            Ctl::RuleEngine(mode) => state.engine = *mode,
            Ctl::RuleRemove(selector) => {
                let rules = self.plan.select(selector, &self.ruleset.rules);
                state.memory.removed.merge(&rules);
            }
            Ctl::RuleRemoveTarget(selector, target) => {
                let rules = self.plan.select(selector, &self.ruleset.rules);
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
    let lower = name.to_ascii_lowercase();
    let sums = [b"blocking_".as_slice(), b"detection_"];
    let is_sum = sums.iter().any(|prefix| lower.starts_with(prefix));
    !is_sum && lower.windows(13).any(|window| window == b"anomaly_score")
}
