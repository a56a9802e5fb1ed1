//! What the first rules of phase 1 do for every transaction alike.
//!
//! CRS begins with some sixty rules that set what `crs-setup.conf` did not set (file 901). They look at nothing but
//! `TX`, which begins alike for all transactions of a policy: what they do is found out once, and each transaction
//! begins behind them.

use std::sync::Arc;

use transaction::Transaction;

use super::RuleState;
use super::collection::Collection;
use super::evaluation::Evaluation;
use super::exclusion::InitialVariables;
use super::name_pattern::NamePattern;
use super::passed_on::{self, PassedOn};
use super::plan::Plan;
use super::reach::Start;
use super::routine::Routines;
use super::rule_set::RuleSet;
use super::screen::Screen;
use super::value::Value;
use crate::operator::Operator;
use crate::{
    Action, Assignment, Change, Link, Match, Phase, Rule, RuleSeverity, Ruleset, Selector, Target, Text,
    Variable,
};

/// What the first rules of phase 1 do.
#[derive(Debug, Default)]
pub(super) struct Prologue {
    /// The first step of phase 1 that is not of them.
    pub(super) position: usize,
    /// Those rules, skipped ones included.
    rules: RuleSet,
    tx: Collection,
    matches: Vec<Match>,
    audit_relevant: bool,
    last_match: Option<Value<'static>>,
    highest_severity: Option<RuleSeverity>,
    /// Chains behind them that only pass values on.
    pub(super) passed_on: Vec<(u32, PassedOn)>,
    /// What stretches of rules behind them do when nothing was found, and the rules that those begin with.
    pub(super) routines: Routines,
    pub(super) begin_routines: RuleSet,
    /// The screen of the rules that a transaction may come to behind them, and the rules of which that is so as
    /// long as they are not excluded.
    pub(super) screen: Arc<Screen>,
    relied: RuleSet,
    /// Those rules.
    reached: RuleSet,
}

impl Prologue {
    /// Whether what a transaction excludes speaks against its screen.
    pub(super) fn is_spoilt_by(&self, state: &RuleState) -> bool {
        let excludes = |rules| state.memory.excludes_from(rules);
        excludes(&self.rules) || excludes(&self.relied)
    }
}

impl Ruleset {
    /// Finds out what the first rules do for every transaction that begins with these variables.
    #[must_use]
    pub fn prepare(&self, variables: &InitialVariables) -> InitialVariables {
        let plan = self.plan.get_or_init(|| Plan::new(self));
        let transaction = Transaction::default();
        let mut state = RuleState::new(self);
        state.set_variables(variables);
        state.prologue = None;
        let mut prologue = Prologue::default();
        if state.runs(Phase::RequestHeaders) {
            let mut evaluation =
                Evaluation::new(self, plan, None, Phase::RequestHeaders, &transaction, 0, &mut state);
            prologue.position = evaluation.run_alike();
        }
        prologue.matches.append(&mut state.matches);
        prologue.audit_relevant = state.audit_relevant;
        prologue.last_match = state.memory.last_match.take();
        prologue.highest_severity = state.memory.highest_severity;
        let steps = self.phases[Phase::RequestHeaders.index()].iter().take(prologue.position);
        steps.filter_map(crate::Step::rule).for_each(|rule| prologue.rules.insert(rule));
        state.memory.tx = std::mem::take(&mut state.memory.tx).into_shared_for(self.tx_patterns());
        prologue.tx = state.memory.tx.clone();
        let start = Start { ruleset: self, plan, position: prologue.position, tx: &prologue.tx };
        let reach = start.reach();
        prologue.screen = plan.screen_of(&self.rules, &reach.rules);
        if !plan.recalls_matches() {
            prologue.passed_on = passed_on::find(self, &reach.rules, &prologue.tx);
            for phase in Phase::ALL {
                let position = if phase == Phase::RequestHeaders { prologue.position } else { 0 };
                let mut evaluation = Evaluation::new(self, plan, None, phase, &transaction, 0, &mut state);
                prologue.routines.append(&mut evaluation.routines(position));
            }
            prologue.routines.keys().for_each(|rule| prologue.begin_routines.insert(*rule));
        }
        prologue.reached = reach.rules;
        prologue.relied = reach.relied;
        variables.with_prologue(Arc::new(prologue))
    }
}

impl Ruleset {
    /// Builds the automata of patterns, which transactions that begin with these variables would otherwise build
    /// when they first need them. To be called beside them: it takes a while.
    pub fn build_matchers(&self, variables: &InitialVariables) {
        let reached = variables.prologue.as_ref().map(|prologue| &prologue.reached);
        let rules = (0_u32..).zip(&self.rules);
        let rules = rules.filter(|(index, _)| reached.is_none_or(|reached| reached.contains(*index)));
        rules.flat_map(|(_, rule)| &rule.links).for_each(|link| link.operator.build());
    }
}

impl RuleState {
    /// Begins behind the rules that do the same for every transaction, if that is known and nothing speaks against
    /// it here; the first step that is left.
    pub(super) fn pass_prologue(&mut self, phase: Phase) -> usize {
        let Some(prologue) = self.prologue.take().filter(|_| phase == Phase::RequestHeaders) else {
            return 0;
        };
        if self.trace.is_some() || self.memory.excludes_from(&prologue.rules) {
            return 0;
        }
        self.known = (!prologue.is_spoilt_by(self)).then(|| prologue.clone());
        let memory = &mut self.memory;
        memory.tx.clone_from(&prologue.tx);
        memory.last_match.clone_from(&prologue.last_match);
        memory.highest_severity = prologue.highest_severity;
        self.audit_relevant |= prologue.audit_relevant;
        self.matches.extend_from_slice(&prologue.matches);
        prologue.position
    }
}

impl Ruleset {
    /// The patterns by which rules ask for variables of `TX`.
    fn tx_patterns(&self) -> impl Iterator<Item = NamePattern<'_>> {
        let links = self.rules.iter().flat_map(|rule| &rule.links);
        let of_tx = links.flat_map(|link| &link.targets).filter(|target| target.variable == Variable::Tx);
        of_tx.filter_map(|target| match &target.selector {
            Selector::Matching(pattern) => Some(NamePattern::of(pattern)),
            _ => None,
        })
    }
}

/// Whether a rule does the same for every transaction that has the same `TX`.
pub(super) fn is_alike(rule: &Rule) -> bool {
    rule.links.iter().all(|link| {
        let is_plain = !link.capture && depends_on_variables_alone(link) && link.exclusions.is_empty();
        is_plain && link.targets.iter().all(is_variable) && sets_alone(link)
    })
}

/// Whether the answer depends on the value alone, or on variables of `TX` as well.
fn depends_on_variables_alone(link: &Link) -> bool {
    let is_pattern = matches!(link.operator, Operator::Rx(_) | Operator::RxGlobal(_));
    let argument = link.operator.argument().filter(|_| !is_pattern);
    link.operator.is_constant() || argument.is_some_and(is_of_variables)
}

fn is_variable(target: &Target) -> bool {
    matches!(&target.selector, Selector::Named(name) if is_name(target.variable, name))
}

/// Whether all that a link does is to set variables of `TX` from others.
fn sets_alone(link: &Link) -> bool {
    link.actions.iter().all(|action| match action {
        Action::SetVar(Assignment { collection, name, change }) => {
            let text = match change {
                Change::Add(text) | Change::Set(text) | Change::Subtract(text) => Some(text),
                Change::Unset => None,
            };
            collection.as_ref() == "tx" && is_of_variables(name) && text.is_none_or(is_of_variables)
        }
        _ => false,
    })
}

fn is_of_variables(text: &Text) -> bool {
    text.macros().all(|(variable, key)| key.is_some_and(|name| is_name(variable, name)))
}

/// Whether it is a variable of `TX` that rules set by name.
pub(super) fn is_name(variable: Variable, name: &[u8]) -> bool {
    variable == Variable::Tx && !matches!(name, [b'0'..=b'9'])
}

impl Evaluation<'_, '_> {
    /// Runs the first rules as long as they do the same for every transaction and none of them may have to be
    /// reported; the first step that is left.
    fn run_alike(&mut self) -> usize {
        let steps = &self.ruleset.phases[self.phase.index()];
        let mut position = 0;
        while let Some(step) = steps.get(position) {
            let Some((index, rule)) =
                step.rule().and_then(|index| Some((index, self.ruleset.rules.get(index as usize)?)))
            else {
                position += 1;
                continue;
            };
            if !is_alike(rule) {
                break;
            }
            let matched = match self.pass_gate(index, rule) {
                Some(matched) => matched,
                // What is told of a match is for the transaction that it happens in.
                None if rule.is_told() => break,
                None => self.rule(index, rule),
            };
            position = match &rule.skip {
                Some(skip) if matched => self.ruleset.position_after(self.phase, skip, position + 1),
                _ => position + 1,
            };
        }
        position.min(steps.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RuleSelector;
    use crate::seclang::{MemoryFiles, Source, load};

    #[test]
    fn a_rule_that_is_told_of_leaves_nothing_behind() {
        let rules = "SecAction \"id:1,phase:1,pass,nolog,noauditlog,setvar:tx.a=1\"\n\
                     SecRule &TX:a \"@eq 0\" \"id:2,phase:1,deny,log,auditlog\"\n\
                     SecAction \"id:3,phase:1,pass,log,auditlog\"\n";
        let ruleset = load(vec![Source::text("x", rules)], &MemoryFiles::default()).ruleset;
        let mut state = RuleState::new(&ruleset);
        state.set_variables(&ruleset.prepare(&InitialVariables::default()));
        assert_eq!(state.prologue.as_ref().map(|prologue| prologue.position), Some(2));
        let third = RuleSelector::Ids(vec![3..=3]);
        state.exclude(&ruleset.exclusion(&third, None));
        ruleset.evaluate(Phase::RequestHeaders, &Transaction::default(), 0, &mut state);
        assert_eq!(state.tx("a"), Some(b"1".as_slice()));
        assert!(!state.audit_relevant && state.matches.len() == 1);
    }
}
