//! One rule: its chain, and the record of a match.

use super::Segments;
use super::evaluation::Evaluation;
use super::link::{EVIDENCE_MAX, Found};
use super::trace::TraceKind;
use crate::{Disruptive, MATCHED_BYTES_MAX, Match, MatchedValue, Rule, Text};

/// What a rule says of a match, expanded when its whole chain had matched.
#[derive(Default)]
struct Message {
    msg: Vec<u8>,
    logdata: Vec<u8>,
}

impl<'r> Evaluation<'r, '_> {
    /// Whether a rule matched; does all that a match asks for.
    pub(super) fn rule(&mut self, index: u32, rule: &'r Rule) -> bool {
        if self.state.memory.removed.contains(index) {
            self.trace(rule, 0, || TraceKind::RuleRemoved);
            return false;
        }
        let earlier = self.begin_matches();
        self.recycle(earlier);
        self.evidence.clear();
        self.score = 0;
        if !(0..rule.links.len()).all(|link| self.link(rule, index, link)) {
            return false;
        }
        self.trace(rule, rule.links.len() - 1, || TraceKind::RuleMatched);
        self.full_match(index, rule);
        true
    }

    fn message(&self, rule: &Rule) -> Message {
        if !rule.log {
            return Message::default();
        }
        Message {
            msg: self.expand_short(rule, rule.meta.msg.as_ref()),
            logdata: self.expand_short(rule, rule.meta.logdata.as_ref()),
        }
    }

    fn expand_short(&self, rule: &Rule, text: Option<&Text>) -> Vec<u8> {
        let mut out = self.expand(rule, text);
        out.truncate(TEXT_BYTES_MAX);
        out.shrink_to_fit();
        out
    }

    pub(super) fn expand(&self, rule: &Rule, text: Option<&Text>) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(text) = text {
            text.expand(&self.scope(rule), &mut out);
        }
        out
    }

    fn full_match(&mut self, index: u32, rule: &'r Rule) {
        let message = self.message(rule);
        for link in rule.links.iter().rev() {
            self.perform(rule, link);
        }
        rule.meta.severity.into_iter().for_each(|severity| self.state.memory.note_severity(severity));
        if self.plan.lists(index, rule) {
            let record = self.record(rule, message);
            self.keep(record);
        }
        self.state.audit_relevant |= rule.audit_log;
        self.disrupt(rule);
    }

    /// Notes a match of a rule that neither logs nor does anything.
    pub(super) fn note_bare_match(&mut self, index: u32, rule: &Rule) {
        if self.plan.lists(index, rule) {
            self.evidence.clear();
            let record = self.record(rule, Message::default());
            self.keep(record);
        }
        self.state.audit_relevant |= rule.audit_log;
    }

    /// The record of a match. Rules that do not log are bookkeeping: their values are left out.
    fn record(&mut self, rule: &Rule, message: Message) -> Match {
        let tags = if rule.log { rule.meta.tags.as_slice() } else { &[] };
        Match {
            id: rule.id,
            phase: self.phase,
            msg: message.msg,
            logdata: message.logdata,
            severity: rule.meta.severity,
            tags: tags.iter().map(|tag| self.expand_short(rule, Some(tag))).collect(),
            paranoia: rule.meta.paranoia,
            values: self.evidence.drain(..).take(EVIDENCE_MAX).map(|found| matched_value(&found)).collect(),
            // Bookkeeping rules sum up what others found.
            score: if rule.log { self.score } else { 0 },
            log: rule.log,
            disruptive: !matches!(rule.disruptive, Disruptive::Pass | Disruptive::Allow(_)),
        }
    }

    /// Adds the record, or merges it with that of an earlier segment of the same body.
    pub(super) fn keep(&mut self, new: Match) {
        let is_later_segment =
            matches!(self.state.segments.as_deref(), Some(Segments { is_later: true, .. }));
        let mut earlier = self.state.matches.iter_mut().filter(|_| is_later_segment);
        match earlier.find(|earlier| (earlier.id, earlier.phase) == (new.id, new.phase)) {
            Some(earlier) => merge(earlier, new),
            None => {
                let matches = &mut self.state.matches;
                if matches.is_empty() {
                    matches.reserve(USUAL_COUNT);
                }
                matches.push(new);
            }
        }
    }
}

fn merge(earlier: &mut Match, new: Match) {
    for value in new.values {
        if earlier.values.len() < EVIDENCE_MAX && !earlier.values.contains(&value) {
            earlier.values.push(value);
        }
    }
    earlier.score = earlier.score.max(new.score);
}

fn matched_value(found: &Found<'_>) -> MatchedValue {
    let matched = found.value.bytes.get(found.range.clone()).unwrap_or_default();
    let kept = matched.get(..MATCHED_BYTES_MAX).unwrap_or(matched);
    MatchedValue { target: found.value.name(), matched: kept.to_vec() }
}

/// Matches that there is room for from the first on: bookkeeping rules match every request (count).
const USUAL_COUNT: usize = 48;

/// How much of an expanded `msg`, `logdata` or tag a [`Match`] keeps (bytes).
const TEXT_BYTES_MAX: usize = 4 << 10;
