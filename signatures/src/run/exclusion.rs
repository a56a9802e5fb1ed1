//! What a policy says before rules run: exclusions and initial variables.

use std::sync::Arc;

use super::RuleState;
use super::collection::Collection;
use super::plan::Plan;
use super::prologue::Prologue;
use super::rule_set::RuleSet;
use crate::{RuleSelector, Ruleset, Target};

/// Rules of one [`Ruleset`] that are not run, or one target they do not look at; what
/// `ctl:ruleRemoveById` and `ctl:ruleRemoveTargetById` are to rules, prepared once at load.
#[derive(Clone, Debug)]
pub struct Exclusion {
    rules: RuleSet,
    target: Option<Target>,
}

/// Variables of `TX` that are there before any rule runs, prepared once at load.
#[derive(Clone, Debug, Default)]
pub struct InitialVariables {
    tx: Collection,
    /// What the first rules make of them ([`Ruleset::prepare`]).
    pub(super) prologue: Option<Arc<Prologue>>,
}

impl<'n, V: AsRef<[u8]>> FromIterator<(&'n str, V)> for InitialVariables {
    fn from_iter<I: IntoIterator<Item = (&'n str, V)>>(variables: I) -> Self {
        let mut collection = Collection::default();
        for (name, value) in variables {
            collection.set(name.as_bytes(), value.as_ref());
        }
        Self { tx: collection.into_shared(), prologue: None }
    }
}

impl InitialVariables {
    pub(super) fn with_prologue(&self, prologue: Arc<Prologue>) -> Self {
        Self { tx: self.tx.clone(), prologue: Some(prologue) }
    }
}

impl Ruleset {
    /// Prepares an exclusion of the rules that `rules` means; of `target` alone, when there is one.
    #[must_use]
    pub fn exclusion(&self, rules: &RuleSelector, target: Option<Target>) -> Exclusion {
        let plan = self.plan.get_or_init(|| Plan::new(self));
        Exclusion { rules: plan.select(rules, &self.rules), target }
    }

    /// Has all ready for transactions that begin with these variables and are excluded so: what the exclusion
    /// leaves of what is known of them.
    pub fn prepare_exclusion(&self, variables: &InitialVariables, exclusion: &Exclusion) {
        let mut state = RuleState::new(self);
        state.exclude(exclusion);
        let relies = |prologue: &Arc<Prologue>| prologue.is_spoilt_by(&state);
        if variables.prologue.as_ref().is_none_or(relies) {
            self.plan.get_or_init(|| Plan::new(self)).screen(&self.rules);
        }
    }
}

impl RuleState {
    /// Excludes rules or targets from this transaction. The exclusion must be of the state's ruleset.
    pub fn exclude(&mut self, exclusion: &Exclusion) {
        match &exclusion.target {
            None => self.memory.removed.merge(&exclusion.rules),
            Some(target) => self.memory.remove_target(exclusion.rules.clone(), target.clone()),
        }
    }

    /// Sets the variables of `TX` with which a transaction begins; those that it has are forgotten. What was
    /// prepared must be of the state's ruleset.
    pub fn set_variables(&mut self, variables: &InitialVariables) {
        self.memory.tx.clone_from(&variables.tx);
        self.prologue.clone_from(&variables.prologue);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_variables() {
        let mut state = RuleState::default();
        state.set_variables(&[("Inbound_Anomaly_Score_Threshold", b"7")].into_iter().collect());
        assert_eq!(state.tx("inbound_anomaly_score_threshold"), Some(b"7".as_slice()));
    }
}
