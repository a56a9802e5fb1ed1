//! Which bytes made a value strange: the indicators of an explanation.
//!
//! A window's stage-1 score is a sum over its n-grams, so each n-gram's share can be given back to the bytes
//! it covers. Neighbouring bytes that speak for an attack are one span.

use std::collections::HashSet;
use std::ops::Range;

use crate::ngram::{Rolling, damping};
use crate::normal::Normaliser;
use crate::{Finding, Model};

/// Spans told of one finding (count).
const SPANS_MAX: usize = 5;
/// Bytes between two spans that are one all the same.
const GAP_BYTES_MAX: usize = 1;
/// Bytes with less than this part of the heaviest byte's share belong to no span.
const BYTE_SHARE_MIN: f32 = 0.3;
/// Spans with less than this part of the heaviest are not told.
const SHARE_MIN: f32 = 0.1;

/// Bytes that speak for an attack.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Where they are in the finding's excerpt.
    pub range: Range<usize>,
    /// What they add to the log-odds of stage 1.
    pub weight: f32,
}

impl Model {
    /// The bytes of a finding's strangest window that speak for an attack, the heaviest first.
    #[must_use]
    pub fn spans(&self, finding: &Finding) -> Vec<Span> {
        let window = finding.excerpt.get(finding.window.clone()).unwrap_or_default();
        let mut spans = merged(&self.shares(window));
        spans.sort_by(|left, right| right.weight.total_cmp(&left.weight));
        let least = spans.first().map_or(0.0, |heaviest| heaviest.weight * SHARE_MIN);
        spans.retain(|span| span.weight > least);
        spans.truncate(SPANS_MAX);
        for span in &mut spans {
            span.range = span.range.start + finding.window.start..span.range.end + finding.window.start;
        }
        spans
    }

    /// What each byte of a window adds to its score; an n-gram counts where it comes first.
    fn shares(&self, window: &[u8]) -> Vec<f32> {
        let header = &self.artifact().header;
        let (mut normaliser, mut rolling) = (Normaliser::default(), Rolling::default());
        let (mut places, mut seen) = (Vec::new(), HashSet::new());
        let mut shares = vec![0.0; window.len()];
        for (at, byte) in window.iter().enumerate() {
            let Some(normal) = normaliser.push(*byte) else { continue };
            places.push(at);
            let mut length = 0;
            rolling.push(normal, |bucket| {
                length += 1;
                let weight = self.artifact().stage1.get(bucket).copied().unwrap_or_default();
                if seen.insert(bucket) {
                    let share = f32::from(weight) * header.stage1_scale / length as f32;
                    places[places.len() - length..].iter().for_each(|place| shares[*place] += share);
                }
            });
        }
        let damping = damping(seen.len() as u32);
        shares.iter_mut().for_each(|share| *share *= damping);
        shares
    }
}

/// Runs of bytes that speak for an attack more than most.
fn merged(shares: &[f32]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let least = shares.iter().copied().fold(0.0, f32::max) * BYTE_SHARE_MIN;
    for (at, share) in shares.iter().enumerate().filter(|(_, share)| **share > least) {
        match spans.last_mut() {
            Some(last) if at <= last.range.end + GAP_BYTES_MAX => {
                last.range.end = at + 1;
                last.weight += share;
            }
            _ => spans.push(Span { range: at..at + 1, weight: *share }),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Confidence, Location, Scratch, Setting, Strangest};

    #[test]
    fn points_at_the_attack() {
        let model = Model::built_in();
        let value = "the quick brown fox jumps over <script>alert(1)</script> and the lazy dog";
        let record = format!(r#"{{"method":"GET","url":"/?q={}"}}"#, value.replace(' ', "+"));
        let record = transaction::Record::from_json(record.as_bytes()).unwrap();
        let transaction = record.transaction(&transaction::Limits::default());
        let mut strangest = Strangest::above(0.0);
        model.score_head(&transaction, &mut Scratch::default(), &mut strangest, &Setting::default());
        let finding = &strangest.findings()[0];
        assert_eq!(
            (finding.location, model.judge(finding.log_odds).1),
            (Location::Query, Confidence::Critical)
        );
        let spans = model.spans(finding);
        let attack = value.find("<script>").unwrap()..value.find(" and").unwrap();
        let is_within = |span: &Span| {
            attack.start <= finding.offset + span.range.start && finding.offset + span.range.end <= attack.end
        };
        assert!(!spans.is_empty() && spans.iter().all(is_within), "{spans:?}");
        assert!(spans.iter().all(|span| span.weight > 0.0));
    }

    #[test]
    fn joins_neighbours() {
        let spans = merged(&[1.0, 0.75, -1.0, 0.75, 0.25, 0.25, 2.0]);
        let found: Vec<_> = spans.iter().map(|span| (span.range.clone(), span.weight)).collect();
        assert_eq!(found, [(0..4, 2.5), (6..7, 2.0)]);
    }
}
