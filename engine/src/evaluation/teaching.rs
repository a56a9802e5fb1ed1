//! What a site may learn from a transaction, and what it has learned of its rules.

use model::profile::Place;
use signatures::Match;

use super::Evaluation;
use crate::decide::judged_shortfalls;
use crate::policy::Role;
use crate::{Hit, Lesson, corroboration, habit};

/// What servers answer where nothing is, or to what makes no sense to them (RFC 9110, section 15): who looks for holes gets these,
/// from many addresses and for weeks, at places that nobody else asks for.
const NOTHING_THERE: [u16; 5] = [400, 404, 405, 410, 501];

impl Evaluation {
    /// Whether a rule matched only where it habitually does: then it waits for the model's word.
    #[must_use]
    pub fn is_habitual(&self, found: &Match) -> bool {
        let Some(profiles) = self.profiles() else { return false };
        let Some(hits) = habit::hits(found, &self.transaction) else { return false };
        let site = self.site();
        let place = Place { profiles, site: site.as_bytes(), path: self.transaction.path() };
        hits.iter().all(|hit| place.is_habitual(hit.location, &hit.name, hit.rule))
    }

    /// What a site may learn of rules from this request, if it may learn from it at all.
    ///
    /// Its client must be welcome, it must not be one too many, and must have been read to its end. What the model alone calls critical the
    /// learner counts apart from all else. If rules speak against it, these must mean fields of it,
    /// which they may habitually match: there is nothing to learn from a request that is stopped for what it is as a
    /// whole. Of the rules something is learned where the model sees nothing.
    #[must_use]
    pub fn lesson(&self) -> Option<Vec<Hit>> {
        let is_welcome = !self.is_unwelcome() && self.limits_exceeded().next().is_none();
        let is_whole = self.ended && !self.failed && self.strangest.is_some() && is_welcome;
        let is_inspected =
            || self.verdict().is_pass() || judged_shortfalls(self.transaction.inspection).next().is_none();
        if !is_whole || !is_inspected() {
            return None;
        }
        let mut hits = Vec::new();
        for running in self.running.iter().filter(|running| running.role == Role::Enforce) {
            let matches = &running.state.matches;
            let has_scored = corroboration::scoring(matches).next().is_some();
            for found in matches.iter().filter(|found| found.score > 0 || found.disruptive) {
                match habit::hits(found, &self.transaction) {
                    Some(of_rule) => hits.extend(of_rule),
                    // What rules on scores judge is what others matched.
                    None if found.is_on_score() && has_scored => {}
                    None if self.verdict().is_pass() => {}
                    None => return None,
                }
            }
        }
        // An attack that the model has its doubts about must not make the rule that finds it habitual. A rule waits for
        // those doubts, so where there are any its habit is not needed.
        if self.is_strange() {
            hits.clear();
        }
        hits.truncate(habit::HITS_MAX);
        Some(hits)
    }

    /// The request itself, if a site may learn from it; once the transaction is [closed](Evaluation::close). `status` is what
    /// it was answered with, 0 where that is not known: what the site itself had no use for is nothing that it usually gets.
    #[must_use]
    pub fn into_lesson(self, status: u16) -> Option<Lesson> {
        let is_our_answer = self.verdict().is_blocked();
        if !is_our_answer && NOTHING_THERE.contains(&status) {
            return None;
        }
        let rules = self.lesson()?;
        let policy = self.selection?.policy;
        Some(Lesson::new(self.snapshot, policy, self.transaction, rules))
    }
}
