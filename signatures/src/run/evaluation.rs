//! One phase: steps, skips and `allow`.

use std::rc::Rc;

use transaction::Transaction;

use super::RuleState;
use super::cache::Cache;
use super::catalog::Catalog;
use super::gate::Answers;
use super::link::Found;
use super::meter::Work;
use super::plan::Plan;
use super::prologue::Prologue;
use super::scope::Scope;
use super::screen::{Candidates, Screen};
use super::value::Value;
use super::variables::Scene;
use crate::operator::Captures;
use crate::{EngineMode, Phase, Rule, Ruleset, Skip, Step};

/// One phase of one transaction while its rules run.
pub(super) struct Evaluation<'r, 't> {
    pub(super) ruleset: &'r Ruleset,
    pub(super) plan: &'r Plan,
    /// What tells which rules need not be asked; `None` when all are.
    pub(super) screen: Option<&'r Screen>,
    /// What is known of transactions that begin as this one.
    pub(super) known: Option<&'r Prologue>,
    pub(super) phase: Phase,
    pub(super) transaction: &'t Transaction,
    pub(super) now_us: i64,
    pub(super) state: &'r mut RuleState,
    pub(super) catalog: Catalog<'t>,
    pub(super) cache: Cache<'t>,
    /// What screened rules look at.
    pub(super) candidates: Candidates<'r>,
    /// What the current link matched so far.
    pub(super) matched: Rc<Vec<Value<'t>>>,
    /// What the previous link of the chain matched (`MATCHED_VARS`).
    pub(super) matched_before: Rc<Vec<Value<'t>>>,
    /// No matches, shared: most links have none.
    pub(super) nothing: Rc<Vec<Value<'t>>>,
    /// A list of matches to be used again.
    pub(super) spare: Option<Rc<Vec<Value<'t>>>>,
    /// Texts to be used again.
    pub(super) spare_texts: [Vec<u8>; 2],
    /// Captures to be used again.
    pub(super) spare_captures: Captures,
    /// The matches worth showing of the current rule.
    pub(super) evidence: Vec<Found<'t>>,
    /// What the current rule added to anomaly scores.
    pub(super) score: i64,
    /// What the gates of rules say.
    pub(super) answers: Answers,
    /// Whether an `allow` ended the phase.
    pub(super) is_over: bool,
}

impl<'r, 't> Evaluation<'r, 't> {
    pub(super) fn new(
        ruleset: &'r Ruleset,
        plan: &'r Plan,
        screen: Option<&'r Screen>,
        phase: Phase,
        transaction: &'t Transaction,
        now_us: i64,
        state: &'r mut RuleState,
    ) -> Self {
        let nothing = Rc::default();
        Self {
            ruleset,
            plan,
            screen,
            known: None,
            phase,
            transaction,
            now_us,
            state,
            catalog: Catalog::default(),
            cache: Cache::default(),
            candidates: Candidates::default(),
            matched: Rc::clone(&nothing),
            matched_before: Rc::clone(&nothing),
            nothing,
            spare: None,
            spare_texts: Default::default(),
            spare_captures: Captures::default(),
            evidence: Vec::new(),
            score: 0,
            answers: Answers::default(),
            is_over: false,
        }
    }

    /// Runs all steps of the phase from one on, as far as skips and `allow` let it.
    pub(super) fn run(&mut self, mut position: usize) {
        if self.screen.is_some() {
            self.measured(|this| (this.screen_all(), Work::Screening));
        }
        let steps = &self.ruleset.phases[self.phase.index()];
        while let Some((index, ahead)) = self.next_rule(steps.get(position..).unwrap_or_default()) {
            position += ahead + 1;
            let Some(rule) = self.ruleset.rules.get(index as usize) else { continue };
            if let Some(end) = self.pass_routine(index) {
                position = end;
                continue;
            }
            let known = self.pass_gate(index, rule).or_else(|| self.pass_on(index, rule));
            let matched = known.unwrap_or_else(|| {
                self.measured(|this| {
                    let matched = this.rule(index, rule);
                    (matched, Work::Rule(rule.id, matched))
                })
            });
            if matched && let Some(skip) = &rule.skip {
                position = match self.plan.skips_to(index) {
                    Some(marker) => position.max(marker),
                    None => self.ruleset.position_after(self.phase, skip, position),
                };
            }
            if self.is_over || self.state.engine == EngineMode::Off {
                break;
            }
        }
    }

    /// Does a piece of work, of which the meter is told if there is one.
    fn measured<T>(&mut self, work: impl FnOnce(&mut Self) -> (T, Work)) -> T {
        if let Some(meter) = &mut self.state.meter {
            meter.begin();
        }
        let (result, work) = work(self);
        if let Some(meter) = &mut self.state.meter {
            meter.end(work);
        }
        result
    }

    /// The first rule that has to run, and where it is.
    fn next_rule(&self, steps: &[Step]) -> Option<(u32, usize)> {
        steps.iter().zip(0..).find_map(|(step, at)| match *step {
            Step::Rule(index) if !self.candidates.leave_out(index) => Some((index, at)),
            Step::Rule(_) | Step::Marker => None,
        })
    }

    pub(super) fn scene(&self) -> Scene<'t> {
        Scene {
            transaction: self.transaction,
            phase: self.phase,
            now_us: self.now_us,
            force_request_body: self.state.memory.force_request_body,
            body_processor: self.state.body_processor,
            files_max: self.ruleset.settings.limits.files_max,
        }
    }

    pub(super) fn scope<'a>(&'a self, rule: &'a Rule) -> Scope<'a, 't> {
        Scope { scene: self.scene(), memory: &self.state.memory, rule, matched: &self.matched }
    }
}

impl Ruleset {
    /// Where a skip leads. A marker that the phase does not have skips the rest of it, as in v3; a skip
    /// never leads back.
    pub(super) fn position_after(&self, phase: Phase, skip: &Skip, position: usize) -> usize {
        match skip {
            Skip::After(marker) => {
                let at = self.markers[phase.index()].get(marker);
                at.map_or(usize::MAX, |at| position.max(at + 1))
            }
            Skip::Count(count) => {
                // Markers are not rules: they do not count.
                let steps = self.phases[phase.index()].iter().enumerate().skip(position);
                let mut rules = steps.filter(|(_, step)| matches!(step, Step::Rule(_)));
                rules.nth(*count as usize).map_or(usize::MAX, |(at, _)| at)
            }
        }
    }
}
