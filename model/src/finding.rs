//! What of a transaction is strange, kept for its explanation.

use std::ops::Range;

use crate::decode::Steps;
use crate::profile::Adjustment;
use crate::{Location, View};

/// Views that are kept for one transaction (count).
const KEPT_MAX: usize = 4;
/// Bytes of a view around its strangest window that are kept.
const EXCERPT_BYTES_MAX: usize = 512;
/// Bytes of a name that are kept.
const NAME_BYTES_MAX: usize = 128;

/// A strange view of a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The part of the request.
    pub location: Location,
    /// The header's, argument's or member's name.
    pub name: Vec<u8>,
    /// The bytes that were scored, or those around the strangest window.
    pub excerpt: Vec<u8>,
    /// Where in the view the excerpt begins.
    pub offset: usize,
    /// The strangest window within the excerpt.
    pub window: Range<usize>,
    /// What was undone to get there.
    pub steps: Steps,
    /// How hostile it is.
    pub log_odds: f32,
    /// What the profile of its parameter changed about that.
    pub adjustment: Option<Adjustment>,
}

impl Finding {
    /// The field as SecLang names it, for what masks values by their field.
    #[must_use]
    pub fn target(&self) -> String {
        let variable = match self.location {
            Location::Path => "REQUEST_URI",
            Location::QueryName | Location::BodyName => "ARGS_NAMES",
            Location::Query => "ARGS_GET",
            Location::Cookie => "REQUEST_COOKIES",
            Location::Header => "REQUEST_HEADERS",
            Location::Body => "ARGS_POST",
            Location::Xml => "XML",
            Location::Raw => "REQUEST_BODY",
        };
        format!("{variable}:{}", String::from_utf8_lossy(&self.name))
    }

    pub(crate) fn new(
        view: View<'_>,
        log_odds: f32,
        adjustment: Option<Adjustment>,
        window: Range<usize>,
    ) -> Self {
        let spare = EXCERPT_BYTES_MAX.saturating_sub(window.len()) / 2;
        let offset = window.start.saturating_sub(spare);
        let end = view.value.len().min(offset + EXCERPT_BYTES_MAX);
        let excerpt = view.value.get(offset..end).unwrap_or_default().to_vec();
        let within = |at: usize| at.saturating_sub(offset).min(excerpt.len());
        Self {
            location: view.location,
            name: view.name[..view.name.len().min(NAME_BYTES_MAX)].to_vec(),
            window: within(window.start)..within(window.end),
            excerpt,
            offset,
            steps: view.steps,
            log_odds,
            adjustment,
        }
    }
}

/// The strangest views of a transaction.
#[derive(Clone, Debug)]
pub struct Strangest {
    log_odds: f32,
    threshold: f32,
    findings: Vec<Finding>,
    habitual: Vec<Finding>,
}

impl Strangest {
    /// Nothing was looked at; findings are kept from `threshold` (log-odds) on.
    #[must_use]
    pub fn above(threshold: f32) -> Self {
        Self { log_odds: f32::NEG_INFINITY, threshold, findings: Vec::new(), habitual: Vec::new() }
    }

    /// The highest log-odds; `None` when there was nothing to look at.
    #[must_use]
    pub fn log_odds(&self) -> Option<f32> {
        self.log_odds.is_finite().then_some(self.log_odds)
    }

    /// What is kept, the strangest first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What would be kept, did its parameter not usually look like that; with the log-odds that it would
    /// have had, the strangest first.
    #[must_use]
    pub fn habitual(&self) -> &[Finding] {
        &self.habitual
    }

    pub(crate) fn take(
        &mut self,
        log_odds: f32,
        adjustment: Option<Adjustment>,
        finding: impl Fn(f32) -> Finding,
    ) {
        self.log_odds = self.log_odds.max(log_odds);
        if let Some(Adjustment::Habitual { cold }) = adjustment {
            keep(&mut self.habitual, cold, self.threshold, &finding);
        }
        keep(&mut self.findings, log_odds, self.threshold, &finding);
    }
}

fn keep(list: &mut Vec<Finding>, log_odds: f32, threshold: f32, finding: impl Fn(f32) -> Finding) {
    if log_odds < threshold {
        return;
    }
    // Stable: of two that are as strange, the one seen first comes first.
    let at = list.partition_point(|kept| kept.log_odds >= log_odds);
    if at < KEPT_MAX {
        list.insert(at, finding(log_odds));
        list.truncate(KEPT_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(value: &[u8]) -> View<'_> {
        View { location: Location::Query, name: b"q", value, steps: Steps::default() }
    }

    #[test]
    fn keeps_the_strangest() {
        let mut strangest = Strangest::above(0.0);
        assert_eq!(strangest.log_odds(), None);
        for (value, log_odds) in
            [("a", -1.0), ("b", 1.0), ("c", 3.0), ("d", 2.0), ("e", 1.0), ("f", 0.5), ("g", 9.0)]
        {
            strangest.take(log_odds, None, |it| Finding::new(view(value.as_bytes()), it, None, 0..1));
        }
        let kept: Vec<_> = strangest.findings().iter().map(|it| it.excerpt.as_slice()).collect();
        assert_eq!((kept, strangest.log_odds()), (vec![&b"g"[..], b"c", b"d", b"b"], Some(9.0)));
    }

    #[test]
    fn cuts_long_values_around_the_window() {
        let value = [vec![b'a'; 1_000], vec![b'!'; 90], vec![b'b'; 1_000]].concat();
        let finding = Finding::new(view(&value), 0.0, None, 1_000..1_090);
        assert_eq!(finding.excerpt.len(), EXCERPT_BYTES_MAX);
        assert_eq!(finding.excerpt[finding.window.clone()], vec![b'!'; 90]);
        assert_eq!(value[finding.offset..][..10], finding.excerpt[..10]);
    }
}
