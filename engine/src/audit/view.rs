//! What audit records show of a transaction, masked, whatever their format.

use signatures::{AuditParts, Match, Rule};
use transaction::{Fields, Processor, Transaction};

use crate::evaluation::Running;
use crate::record::mask::{MASK, Mask};
use crate::{Evaluation, Outcome};

/// What audit records show of a transaction.
pub(super) struct View<'e> {
    pub(super) evaluation: &'e Evaluation,
    pub(super) running: &'e Running,
    pub(super) parts: AuditParts,
    pub(super) outcome: Outcome,
    mask: Mask,
}

impl<'e> View<'e> {
    pub(super) fn new(
        evaluation: &'e Evaluation,
        running: &'e Running,
        parts: AuditParts,
        outcome: Outcome,
    ) -> Self {
        Self { evaluation, running, parts, outcome, mask: Mask::of(evaluation) }
    }

    pub(super) fn transaction(&self) -> &'e Transaction {
        self.evaluation.transaction()
    }

    /// Text without what is sensitive.
    pub(super) fn text(&self, bytes: &[u8]) -> String {
        self.mask.text(bytes)
    }

    /// The request target. One with a sensitive argument is written from its arguments: what is sensitive stands
    /// in it encoded, and would not be recognised.
    pub(super) fn target(&self) -> String {
        let transaction = self.transaction();
        if self.hides_any(&transaction.query) {
            return format!("{}?{}", self.text(transaction.path()), self.arguments(&transaction.query));
        }
        self.text(&transaction.request.target)
    }

    /// Header names and values, in order.
    pub(super) fn headers<'f>(
        &'f self,
        collection: &'static str,
        headers: &'f Fields,
    ) -> impl Iterator<Item = (String, String)> {
        headers.iter().map(move |field| {
            let name = String::from_utf8_lossy(field.name).into_owned();
            let value = self.mask.value(&format!("{collection}:{name}"), field.value);
            (name, value)
        })
    }

    /// The request body (C). One with a sensitive argument is written from its arguments, likewise; so is one in
    /// parts when files are to be left out (I).
    pub(super) fn request_body(&self) -> Option<String> {
        let body = &self.transaction().body;
        let in_parts = body.processor == Processor::Multipart;
        let without_files = in_parts && self.parts.has('I');
        if !self.parts.has('C') && !self.parts.has('I') || (body.raw.is_empty() && body.arguments.is_empty())
        {
            return None;
        }
        if without_files || self.hides_any(&body.arguments) {
            return Some(self.arguments(&body.arguments));
        }
        Some(self.text(&body.raw))
    }

    fn hides_any(&self, fields: &Fields) -> bool {
        fields.iter().any(|field| self.mask.hides(&format!("ARGS:{}", String::from_utf8_lossy(field.name))))
    }

    fn arguments(&self, fields: &Fields) -> String {
        let pair = |field: transaction::Field<'_>| {
            let name = String::from_utf8_lossy(field.name);
            let value = self.mask.value(&format!("ARGS:{name}"), field.value);
            format!("{}={}", escaped(&name), if value == MASK { value } else { escaped(&value) })
        };
        fields.iter().map(pair).collect::<Vec<_>>().join("&")
    }

    /// The matches of rules that ask for a log line, with their rules.
    pub(super) fn messages(&self) -> impl Iterator<Item = (&'e Match, &'e Rule)> {
        self.matches().filter(|(found, _)| found.log)
    }

    /// All matches, with their rules.
    pub(super) fn matches(&self) -> impl Iterator<Item = (&'e Match, &'e Rule)> {
        let rules = &self.running.rules.ruleset.rules;
        let matches = self.running.state.matches.iter();
        matches.filter_map(|found| Some((found, rules.iter().find(|rule| rule.id == found.id)?)))
    }

    /// What a match found, and where.
    pub(super) fn found(&self, found: &Match) -> String {
        let Some(value) = found.values.first() else { return "Unconditional match in SecAction.".to_owned() };
        format!(
            "Matched \"{}\" at {}.",
            self.mask.value(&value.target, &value.matched),
            self.text(value.target.as_bytes())
        )
    }

    /// Its `logdata`, left out where one of its values is sensitive.
    pub(super) fn data(&self, found: &Match) -> String {
        let is_secret = found.values.iter().any(|value| self.mask.hides(&value.target));
        if is_secret && !found.logdata.is_empty() { MASK.to_owned() } else { self.text(&found.logdata) }
    }

    /// What `SecRuleEngine` is.
    pub(super) fn engine(&self) -> &'static str {
        match self.running.state.engine {
            signatures::EngineMode::On => "Enabled",
            signatures::EngineMode::Off => "Disabled",
            signatures::EngineMode::DetectionOnly => "DetectionOnly",
        }
    }

    /// The time the request began, as `strftime` would write it, in UTC.
    pub(super) fn time(&self, format: &str) -> String {
        let time = jiff::Timestamp::from_microsecond(self.transaction().started_us);
        time.unwrap_or(jiff::Timestamp::UNIX_EPOCH).strftime(format).to_string()
    }
}

/// Percent-encoded where a form would be read otherwise.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '%' | '&' | '=' | '+' | '#' | '\0'..=' ' | '\x7f' => {
                out.push_str(&format!("%{:02X}", u32::from(letter)));
            }
            other => out.push(other),
        }
    }
    out
}
