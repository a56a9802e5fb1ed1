//! Stage 2 is fitted by linfa's logistic regression, to scores of stage 1 that were made without the row's
//! own group.

use anyhow::Context;
use linfa::Dataset;
use linfa::prelude::Fit;
use linfa_logistic::LogisticRegression;
use model::keyword::Keywords;
use model::ngram::Table;
use model::stage2::COUNT;
use model::{CLIP, GATE, Location};
use ndarray::{Array1, Array2};

use crate::augment;
use crate::corpus::{Corpus, Request};
use crate::random::{Random, fingerprint};
use crate::stage1::Stage1;

/// Strength of the L2 penalty.
const ALPHA: f64 = 10.0;

/// Of values that stage 1 does not pass on, one in so many is shown all the same, so that there are ordinary
/// rows whatever stage 1 thinks.
const BELOW_GATE: u32 = 64;

/// Attacks within ordinary text that are shown, of each fold (count).
const LONG_ROWS: usize = 6_000;

/// A row of features with its label.
#[derive(Clone, Debug)]
pub struct Row {
    features: Vec<f32>,
    hostile: bool,
}

/// Fitted weights.
#[derive(Clone, Debug)]
pub struct Stage2 {
    /// The mean of each feature.
    pub means: Vec<f32>,
    /// One over its standard deviation.
    pub scales: Vec<f32>,
    /// The weight of each standardised feature.
    pub weights: Vec<f32>,
    /// What a row of means scores.
    pub bias: f32,
}

/// The rows of some requests' values: of an attack the value with the highest score, of an ordinary request each.
#[must_use]
pub fn rows(corpus: &Corpus, requests: &[&Request], stage1: &Stage1) -> Vec<Row> {
    let keywords = Keywords::default();
    let mut table = stage1.table();
    let mut seen = std::collections::HashSet::new();
    let (mut rows, mut lowered, mut row) = (Vec::new(), Vec::new(), Vec::new());
    let mut take = |index: u32, hostile: bool, weight: f32| {
        let value = &corpus.values[index as usize];
        let found = table.score(&value.bytes);
        if found.best.score > GATE || index.is_multiple_of(BELOW_GATE) {
            model::stage2::write(value.location, &value.bytes, &found, &keywords, &mut lowered, &mut row);
            // The fit knows no weights, so a request that counts for several is there as often.
            let row = Row { features: row.clone(), hostile };
            rows.extend(std::iter::repeat_n(row, (weight.round() as usize).max(1)));
        }
    };
    for request in requests.iter().filter(|request| !request.hostile) {
        for index in corpus.values_of(request) {
            if seen.insert(*index) {
                take(*index, false, request.weight);
            }
        }
    }
    let mut table = stage1.table();
    let mut attacks = Vec::new();
    for request in requests.iter().filter(|request| request.hostile) {
        let scored = corpus
            .payloads(request)
            .map(|index| (table.score(&corpus.values[index as usize].bytes).best.score, index));
        let best = scored.max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, index)) = best
            && seen.insert(index)
        {
            attacks.push(index);
            take(index, true, request.weight);
        }
    }
    add_long(corpus, requests, &attacks, &mut table, &mut rows);
    rows
}

/// Adds attacks within ordinary text, and ordinary text of the same lengths: what is long is neither the one nor
/// the other for that.
fn add_long(corpus: &Corpus, requests: &[&Request], attacks: &[u32], table: &mut Table, rows: &mut Vec<Row>) {
    let ordinary = requests.iter().filter(|request| !request.hostile);
    let mut ordinary: Vec<u32> = ordinary.flat_map(|request| corpus.values_of(request)).copied().collect();
    let ordinary = augment::text(corpus, &mut ordinary);
    let mut random = Random::new(fingerprint(b"long rows"));
    let keywords = Keywords::default();
    let (mut lowered, mut row) = (Vec::new(), Vec::new());
    for _ in 0..LONG_ROWS {
        let Some(attack) = random.pick(attacks) else { return };
        let attack = &corpus.values[*attack as usize].bytes;
        let length = 200 + random.below(2_800);
        for (hostile, value) in [
            (true, augment::variant(attack, &ordinary, &mut random)),
            (false, augment::prose(length, &ordinary, &mut random)),
        ] {
            let found = table.score(&value);
            if found.best.score > GATE {
                model::stage2::write(Location::Query, &value, &found, &keywords, &mut lowered, &mut row);
                rows.push(Row { features: row.clone(), hostile });
            }
        }
    }
}

impl Stage2 {
    /// Fits weights to rows.
    ///
    /// # Errors
    /// When there are no rows, or the fit does not converge.
    pub fn fit<'r>(rows: impl Iterator<Item = &'r Row>) -> anyhow::Result<Self> {
        let rows: Vec<&Row> = rows.collect();
        let (means, scales) = moments(&rows);
        let mut features = Array2::<f64>::zeros((rows.len(), COUNT));
        for (row, mut out) in rows.iter().zip(features.rows_mut()) {
            for (column, out) in out.iter_mut().enumerate() {
                *out = f64::from(standardised(row.features[column], means[column], scales[column]));
            }
        }
        let labels: Array1<bool> = rows.iter().map(|row| row.hostile).collect();
        let fitted = LogisticRegression::default()
            .alpha(ALPHA)
            .max_iterations(300)
            .gradient_tolerance(1e-3)
            .fit(&Dataset::new(features, labels))
            .context("stage 2 cannot be fitted")?;
        // linfa calls one of the two classes positive; here it is the hostile one.
        let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
        let weights = fitted.params().iter().map(|weight| (*weight * sign) as f32).collect();
        Ok(Self { means, scales, weights, bias: (fitted.intercept() * sign) as f32 })
    }
}

fn standardised(value: f32, mean: f32, scale: f32) -> f32 {
    ((value - mean) * scale).clamp(-CLIP, CLIP)
}

fn moments(rows: &[&Row]) -> (Vec<f32>, Vec<f32>) {
    let count = rows.len().max(1) as f64;
    let (mut means, mut scales) = (Vec::new(), Vec::new());
    for column in 0..COUNT {
        let values = || rows.iter().map(|row| f64::from(row.features[column]));
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        means.push(mean as f32);
        scales.push(if variance > 1e-9 { variance.sqrt().recip() as f32 } else { 0.0 });
    }
    (means, scales)
}
