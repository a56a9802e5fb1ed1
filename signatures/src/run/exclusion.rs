//! What a policy says before rules run: exclusions and initial variables.

use super::RuleState;
use super::plan::Plan;
use super::rule_set::RuleSet;
use crate::{RuleSelector, Ruleset, Target};

/// Rules of one [`Ruleset`] that are not run, or one target they do not look at; what
/// `ctl:ruleRemoveById` and `ctl:ruleRemoveTargetById` are to rules, prepared once at load.
#[derive(Clone, Debug)]
pub struct Exclusion {
    rules: RuleSet,
    target: Option<Target>,
}

impl Ruleset {
    /// Prepares an exclusion of the rules that `rules` means; of `target` alone, when there is one.
    #[must_use]
    pub fn exclusion(&self, rules: &RuleSelector, target: Option<Target>) -> Exclusion {
        let plan = self.plan.get_or_init(|| Plan::new(&self.rules));
        Exclusion { rules: plan.select(rules, &self.rules), target }
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

    /// Sets `TX:name`, as `setvar` does.
    pub fn set_tx(&mut self, name: &str, value: &[u8]) {
        self.memory.tx.set(name.as_bytes(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_variables() {
        let mut state = RuleState::default();
        state.set_tx("Inbound_Anomaly_Score_Threshold", b"7");
        assert_eq!(state.tx("inbound_anomaly_score_threshold"), Some(b"7".as_slice()));
    }
}
