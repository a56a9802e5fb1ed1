//! The rule sources of a policy, as they run on one transaction.

use std::sync::Arc;

use model::Strangest;
use signatures::collections::CollectionStore;
use signatures::run::Meter;
use signatures::{Match, Phase, RuleState};
use transaction::{Processor, Shortfall};

use super::Evaluation;
use crate::config::Skip;
use crate::decide::{Finding, judged_shortfalls};
use crate::policy::{RequestFacts, Role};
use crate::snapshot::LoadedRules;
use crate::{corroboration, telling};

/// A rule source with its state.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) rules: Arc<LoadedRules>,
    pub(crate) role: Role,
    pub(crate) state: RuleState,
    /// It did not want the request's body, and was asked in phase 2 without it.
    is_past_body: bool,
}

impl Running {
    /// Whether it looks at request bodies; what no file says is yes.
    fn wants_request_body(&self) -> bool {
        let settings = &self.rules.ruleset.settings;
        !self.is_past_body && self.state.request_body_access.or(settings.request_body_access).unwrap_or(true)
    }

    /// Whether it says that it looks at response bodies.
    fn wants_response(&self) -> Option<bool> {
        self.state.response_body_access.or(self.rules.ruleset.settings.response_body_access)
    }

    /// What the rules summed up themselves; where they do not, the sum of what they added.
    pub(super) fn anomaly_score(&self) -> i64 {
        let summed = self.state.inbound_anomaly_score().max(self.state.outbound_anomaly_score());
        if summed != 0 { summed } else { self.state.matches.iter().map(|found| found.score).sum() }
    }

    /// The matches that led to its interruption, the most telling first: those that scored, and those
    /// that would have stopped the transaction by themselves.
    fn decisive(&self) -> Vec<Match> {
        let led = self.state.matches.iter().filter(|found| found.score != 0 || found.disruptive);
        let mut matches: Vec<_> = led.cloned().collect();
        matches.sort_by_key(telling::order);
        matches
    }
}

impl Evaluation {
    /// Prepares what judges: what is known of the client's address, the rate limits that hold, the states of rules with the
    /// policy's variables, and the exceptions that hold.
    pub(super) fn begin_rules(&mut self, collections: Option<&Arc<dyn CollectionStore>>) {
        let snapshot = self.snapshot.clone();
        let Some(compiled) = self.selection.and_then(|selection| snapshot.policies().get(selection.policy))
        else {
            return;
        };
        if !super::inspects(&compiled.policy) {
            return;
        }
        self.begin_addresses(compiled);
        self.begin_limits(compiled);
        if self.is_spared(compiled, Skip::Inspection) {
            return;
        }
        self.strangest =
            compiled.model.as_ref().map(|model| Strangest::above(model.artifact().header.thresholds.medium));
        self.exceptions = self.holding(&compiled.policy.exceptions);
        for source in &compiled.sources {
            let mut state = RuleState::new(&source.rules.ruleset);
            state.set_variables(&source.variables);
            collections.into_iter().for_each(|store| state.use_store(store.clone()));
            let held = self.exceptions.iter().filter_map(|index| source.exclusions.get(*index));
            held.flatten().for_each(|exclusion| state.exclude(exclusion));
            let running =
                Running { rules: source.rules.clone(), role: source.role, state, is_past_body: false };
            self.running.push(running);
        }
    }

    /// Has all that rules do from now on measured, by a meter for each source of the policy.
    pub(super) fn measure(&mut self, mut meter: impl FnMut() -> Box<dyn Meter>) {
        self.running.iter_mut().for_each(|running| running.state.meter = Some(meter()));
    }

    /// The indices of the exceptions that hold for this request.
    fn holding(&self, exceptions: &[crate::policy::Exception]) -> Vec<usize> {
        if exceptions.is_empty() {
            return Vec::new();
        }
        let transaction = &self.transaction;
        let host = crate::host::normalised(transaction.host());
        let normal_path = crate::policy::normalised(transaction.path());
        let facts = RequestFacts {
            host: &host,
            path: transaction.path(),
            normal_path: &normal_path,
            method: &transaction.request.method,
            client: transaction.connection.client_address,
            started_us: transaction.started_us,
        };
        let holding = exceptions.iter().enumerate().filter(|(_, exception)| exception.holds(&facts));
        holding.map(|(index, _)| index).collect()
    }

    /// Runs a phase of every source.
    pub(super) fn run(&mut self, phase: Phase) {
        let now_us = self.transaction.started_us;
        for running in &mut self.running {
            running.rules.ruleset.evaluate(phase, &self.transaction, now_us, &mut running.state);
        }
        self.note_rule_shortfalls();
    }

    /// Runs phase 5 and writes what rules changed of persistent collections.
    pub(super) fn run_last(&mut self) {
        self.run(Phase::Logging);
        for running in &self.running {
            running.state.commit(&running.rules.ruleset, self.transaction.started_us);
        }
    }

    /// Notes that rules could not say whether they match.
    fn note_rule_shortfalls(&mut self) {
        if self.running.iter().any(|running| running.state.regex_limits_exceeded() > 0) {
            self.transaction.inspection.note(Shortfall::RuleLimit);
        }
        if self.running.iter().any(|running| running.state.list_unanswered) {
            self.transaction.inspection.note(Shortfall::ListUnanswered);
        }
    }

    /// Runs phase 2 of the sources that look at the body, or at what of it is here.
    pub(super) fn run_segment(&mut self) {
        let now_us = self.transaction.started_us;
        for running in self.running.iter_mut().filter(|running| !running.is_past_body) {
            running.rules.ruleset.evaluate(Phase::RequestBody, &self.transaction, now_us, &mut running.state);
        }
        self.score_segment();
        self.note_rule_shortfalls();
    }

    /// Runs phase 2 of the sources that do not look at the body, before there is one.
    pub(super) fn run_without_body(&mut self) {
        let now_us = self.transaction.started_us;
        for running in self.running.iter_mut().filter(|running| !running.wants_request_body()) {
            running.rules.ruleset.evaluate(Phase::RequestBody, &self.transaction, now_us, &mut running.state);
            running.is_past_body = true;
        }
        self.note_rule_shortfalls();
    }

    /// Whether anything looks at the transaction.
    pub(super) fn has_judges(&self) -> bool {
        self.strangest.is_some() || !self.running.is_empty()
    }

    /// Remembers the end of phase 1 when the first segment of several is full.
    pub(super) fn begin_segments(&mut self) {
        if self.transaction.body.segment == 0 {
            self.running.iter_mut().for_each(|running| running.state.begin_segments());
        }
    }

    pub(super) fn next_segment(&mut self) {
        let reading = self.running.iter_mut().filter(|running| !running.is_past_body);
        reading.for_each(|running| running.state.next_segment());
    }

    pub(super) fn wants_request_body(&self) -> bool {
        self.strangest.is_some() || self.running.iter().any(Running::wants_request_body)
    }

    /// The policy's word on responses, else the rules'.
    pub(super) fn wants_response(&self) -> bool {
        let policy = self.policy().and_then(|policy| policy.inspect_responses);
        !self.running.is_empty()
            && policy
                .unwrap_or_else(|| self.running.iter().any(|running| running.wants_response() == Some(true)))
    }

    /// Whether a `ctl` withdrew response bodies from every source.
    pub(super) fn refuses_response_body(&self) -> bool {
        self.running.iter().all(|running| running.state.response_body_access == Some(false))
    }

    /// `ctl:requestBodyProcessor`, of the first source that used it.
    pub(super) fn body_processor(&self) -> Option<Processor> {
        self.running.iter().find_map(|running| running.state.body_processor)
    }

    /// `ctl:requestBodyLimit` (bytes), of the first source that used it.
    pub(super) fn ctl_request_body_bytes_max(&self) -> Option<u64> {
        self.running.iter().find_map(|running| running.state.request_body_bytes_max)
    }

    /// Bytes of a response body that are kept for phase 4: by `ctl:responseBodyLimit`, else by the policy.
    #[must_use]
    pub fn response_body_bytes_max(&self) -> usize {
        let by_ctl = self.running.iter().find_map(|running| running.state.response_body_bytes_max);
        by_ctl.or(self.policy().map(|policy| policy.limits.response_body_bytes_max)).unwrap_or_default()
    }

    /// Whether there is anything to judge; cheap, because most transactions have nothing.
    pub(super) fn has_findings(&self) -> bool {
        !self.transaction.inspection.is_complete()
            || self.is_strange()
            || self.is_unwelcome()
            || self.limits_exceeded().next().is_some()
            || self.running.iter().any(|running| running.state.interruption.is_some())
    }

    /// What speaks against the transaction so far. Sources taken as evidence never do alone: they need
    /// the model.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let enforced = self.running.iter().filter(|running| running.role == Role::Enforce);
        let rules = enforced.filter_map(|running| {
            let interruption = running.state.interruption.clone()?;
            let rule = telling::decisive(interruption.rule, &running.state.matches);
            let word = corroboration::model_word(&running.state.matches, |it| self.is_habitual(it));
            Some(Finding::Rule { rule, interruption, matches: running.decisive(), word })
        });
        self.address_finding()
            .into_iter()
            .chain(self.rate_findings())
            .chain(rules)
            .chain(self.model_finding())
            .chain(judged_shortfalls(self.transaction.inspection).map(Finding::Shortfall))
            .collect()
    }
}
