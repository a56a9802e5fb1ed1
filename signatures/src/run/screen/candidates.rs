//! The values of a transaction that screened rules look at.

use std::ops::Range;

use super::super::bytes::Bytes;
use super::super::evaluation::Evaluation;
use super::super::rule_set::RuleSet;
use super::super::variables::{self, Growth};
use super::class::Class;
use super::known::{Known, Place};
use super::texts::{Means, Scratch};
use super::{PhaseScreen, ScreenedVariable};
use crate::pool::Held;
use crate::{Phase, Variable};

/// The values of one phase that screened rules look at; when nothing was screened, every rule looks at all.
#[derive(Debug, Default)]
pub(in crate::run) struct Candidates<'r> {
    screen: Option<&'r PhaseScreen>,
    /// In order, each once.
    found: Vec<Candidate>,
    /// The rules that have to run.
    rules: RuleSet,
    /// What was said of values before; `None` when that is not at hand.
    known: Option<Held<'r, Known>>,
}

/// A value that a rule looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    rule: u32,
    variable: Variable,
    /// Where the value is among those of the variable.
    index: u32,
    /// Where it may be remembered.
    place: Option<Place>,
}

impl Candidates<'_> {
    /// Whether no value that the rule looks at can make it match.
    pub(in crate::run) fn leave_out(&self, rule: u32) -> bool {
        self.screen.is_some() && !self.rules.contains(rule)
    }

    /// The values of a variable that a rule has to look at; `None` is all.
    pub(in crate::run) fn of(&self, rule: u32, variable: Variable) -> Option<Range<usize>> {
        if !self.is_screened(rule) {
            return None;
        }
        let begin = self.found.partition_point(|it| (it.rule, it.variable) < (rule, variable));
        let count =
            self.found[begin..].iter().take_while(|it| (it.rule, it.variable) == (rule, variable)).count();
        Some(begin..begin + count)
    }

    /// Where a value of [`Candidates::of`] is among those of the variable.
    pub(in crate::run) fn index(&self, at: usize) -> usize {
        self.found.get(at).map_or(usize::MAX, |found| found.index as usize)
    }

    /// Remembers that the rule does not match the value, whatever else the request holds.
    pub(in crate::run) fn rule_out(&mut self, at: usize, value: &[u8]) {
        let found = self.found.get(at);
        let known = self.known.as_mut().and_then(|known| known.as_mut());
        if let (Some(Candidate { rule, place: Some(place), .. }), Some(known)) = (found, known) {
            known.rule_out(*place, value, *rule);
        }
    }

    fn is_screened(&self, rule: u32) -> bool {
        self.screen.is_some_and(|screen| screen.rules.contains(rule))
    }

    fn sort(&mut self) {
        self.found.sort_unstable_by_key(|it| (u64::from(it.rule) << 32 | it.variable as u64, it.index));
    }

    /// Adds what rules of this phase look at.
    fn add(&mut self, candidate: Candidate) {
        self.rules.insert(candidate.rule);
        self.found.push(candidate);
    }
}

impl<'r, 't> Evaluation<'r, 't> {
    /// Screens all values that rules of the phase look at; in phase 1 those too that stay for later ones.
    pub(in crate::run) fn screen_all(&mut self) {
        let Some(screen) = self.screen else { return };
        let phase = &screen.phases[self.phase.index()];
        if phase.variables.is_empty() {
            return;
        }
        self.candidates.screen = Some(phase);
        self.candidates.rules.clone_from(&phase.always);
        self.candidates.known = screen.known.free();
        let mut head = std::mem::take(&mut self.state.head);
        let is_first = self.phase == Phase::RequestHeaders;
        if is_first {
            head.clear();
        }
        for candidate in head.found.iter().filter(|it| phase.rules.contains(it.rule)) {
            self.candidates.add(*candidate);
        }
        let mut scratch = Scratch::default();
        for place in if is_first { &screen.first } else { &phase.variables } {
            let Some(screened) = screen.variables.get(*place) else { continue };
            let stays = is_first && screened.growth != Growth::Any;
            let from = head.screened(*place);
            let later = stays.then_some(&mut head.found);
            let count = self.screen_variable(screened, from, later, &mut scratch);
            if stays {
                head.note(*place, if screened.growth == Growth::None { usize::MAX } else { count });
            }
        }
        self.state.head = head;
        self.candidates.sort();
    }

    /// Lists a variable anew when it is next asked for, because a `ctl` changed what it is.
    pub(in crate::run) fn forget(&mut self, variable: Variable) {
        self.catalog.forget(variable);
        let (Some(screen), Some(phase)) = (self.screen, self.candidates.screen) else { return };
        if let Some(screened) = screen.variables(phase).find(|screened| screened.variable == variable) {
            self.candidates.found.retain(|it| it.variable != variable);
            self.screen_variable(screened, 0, None, &mut Scratch::default());
            self.candidates.sort();
        }
    }

    /// Screens the values of a variable from `from` on, and says how many it has. What rules of other phases
    /// look at goes to `later`.
    fn screen_variable(
        &mut self,
        screened: &'r ScreenedVariable,
        from: usize,
        mut later: Option<&mut Vec<Candidate>>,
        scratch: &mut Scratch<'t>,
    ) -> usize {
        if from == usize::MAX {
            return from;
        }
        let mut screen = |this: &mut Self, index, key: &[u8], bytes: &Bytes<'t>| {
            let class = screened.class(key);
            if !class.is_empty() {
                let place = this.may_match(class, bytes, scratch);
                this.note_found(screened.variable, index, place, scratch, later.as_deref_mut());
            }
        };
        // Most lists hold nothing for a rule: values are only made of them for a rule to look at.
        if let Some(listed) = variables::listed(screened.variable, self.scene()) {
            let fields = listed.iter().enumerate().skip(from);
            fields.for_each(|(index, (key, bytes))| screen(self, index as u32, key, &Bytes::Borrowed(bytes)));
            return listed.len();
        }
        let values = self.catalog.values(screened.variable, self.scene());
        for (index, value) in (0..).zip(values.iter()).skip(from) {
            screen(self, index, value.key(), &value.bytes);
        }
        values.len()
    }

    /// Notes which rules may match a value, as listed in `scratch`.
    fn note_found(
        &mut self,
        variable: Variable,
        index: u32,
        place: Option<Place>,
        scratch: &mut Scratch<'t>,
        mut later: Option<&mut Vec<Candidate>>,
    ) {
        if scratch.rules.is_empty() {
            return;
        }
        for rule in scratch.rules.drain(..) {
            let candidate = Candidate { rule, variable, index, place };
            if self.candidates.screen.is_some_and(|phase| phase.rules.contains(rule)) {
                self.candidates.add(candidate);
            } else if let Some(later) = &mut later {
                later.push(candidate);
            }
        }
    }

    /// Lists the rules that may match a value in `scratch`; where that is remembered, if it is.
    fn may_match(&mut self, class: &Class, value: &Bytes<'t>, scratch: &mut Scratch<'t>) -> Option<Place> {
        let mut known = self.candidates.known.as_mut().map(|known| known.get_or_insert_default());
        if let Some((place, rules)) = known.as_ref().and_then(|it| it.get(class.id, value)) {
            scratch.rules.extend_from_slice(rules);
            return Some(place);
        }
        if let Some(screen) = self.screen {
            let means = Means { scanner: screen.scanner(class), map: self.plan.unicode_map() };
            class.screen(value, means, scratch);
        }
        known.as_mut().and_then(|it| it.keep(class.id, value, &scratch.rules))
    }
}
