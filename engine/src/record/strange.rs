//! What the model found strange, as records tell it.

use std::ops::Range;

use model::profile::Adjustment;
use model::{Finding, Location, Model, Span, decode};
use transaction::Transaction;

use super::mask::Mask;
use super::{ModelRecord, SpanRecord};
use crate::Evaluation;

impl ModelRecord {
    /// What the model found in a transaction, the strangest first; nothing below medium confidence.
    #[must_use]
    pub fn all_of(evaluation: &Evaluation) -> Vec<Self> {
        Self::each(evaluation, evaluation.strange_views())
    }

    /// What it would have found, but for what is habitual in its field; with the log-odds it would have had.
    #[must_use]
    pub fn habitual(evaluation: &Evaluation) -> Vec<Self> {
        Self::each(evaluation, evaluation.habitual_views())
    }

    fn each(evaluation: &Evaluation, views: &[Finding]) -> Vec<Self> {
        let (Some(model), [_, ..]) = (evaluation.compiled_model(), views) else { return Vec::new() };
        let transaction = evaluation.transaction();
        let mask = Mask::of(evaluation);
        views.iter().map(|it| Self::of(it, model, transaction, &mask)).collect()
    }

    fn of(finding: &Finding, model: &Model, transaction: &Transaction, mask: &Mask) -> Self {
        let name = String::from_utf8_lossy(&finding.name);
        let place = finding.location.as_str();
        let field = if name.is_empty() { place.to_owned() } else { format!("{place}:{name}") };
        let target = finding.target();
        let text = |range: &Range<usize>| {
            mask.value(&target, finding.excerpt.get(range.clone()).unwrap_or_default())
        };
        let origins = original(finding, transaction);
        let span = |span: Span| SpanRecord {
            text: text(&span.range),
            at: origins.as_ref().and_then(|it| Some((*it.get(span.range.start)?, *it.get(span.range.end)?))),
            weight: span.weight,
        };
        Self {
            field: mask.text(field.as_bytes()),
            decoded: text(&finding.window),
            encodings: finding.steps.to_string(),
            spans: model.spans(finding).into_iter().map(span).collect(),
            weight: finding.log_odds,
            novelty: match finding.adjustment {
                Some(Adjustment::Novel { bonus }) => Some(bonus),
                _ => None,
            },
        }
    }
}

/// Where in its field each byte of a finding's excerpt came from, if the field is still there to look at.
fn original(finding: &Finding, transaction: &Transaction) -> Option<Vec<u32>> {
    let in_field = |value: &[u8]| decode::origins(value, finding.offset, &finding.excerpt);
    let fields = match finding.location {
        Location::Path => return in_field(transaction.path()),
        Location::Query => &transaction.query,
        Location::Cookie => &transaction.cookies,
        Location::Header => &transaction.request.headers,
        Location::Body => &transaction.body.arguments,
        Location::QueryName | Location::BodyName | Location::Xml => return None,
        Location::Raw => return in_field(&transaction.body.raw),
    };
    let named = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(&finding.name));
    named.map(|field| field.value).find_map(in_field)
}
