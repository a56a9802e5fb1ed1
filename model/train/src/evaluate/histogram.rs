//! How scores lie, by class, and whether probabilities mean what they say.

use serde::Serialize;

use super::Case;
use crate::interval::wilson_share;

/// Scores of one class between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Where it begins (log-odds above the critical threshold).
    pub from: f32,
    /// Attacks in it.
    pub hostile: usize,
    /// Ordinary requests in it.
    pub ordinary: usize,
}

/// What the first bin begins at; it has everything below too, and the last everything above.
const FROM: f32 = -16.0;
/// How wide a bin is.
pub(crate) const WIDTH: f32 = 0.5;
const BINS: usize = 56;

/// Counts scores.
#[must_use]
pub(super) fn histogram(cases: &[Case<'_>]) -> Vec<Bin> {
    let bin = |index: usize| Bin { from: FROM + index as f32 * WIDTH, hostile: 0, ordinary: 0 };
    let mut bins: Vec<Bin> = (0..BINS).map(bin).collect();
    for case in cases {
        // A cast from float saturates, so that what lies outside counts at the end.
        let index = ((case.judgement.margin - FROM) / WIDTH) as usize;
        let bin = &mut bins[index.min(BINS - 1)];
        *(if case.hostile { &mut bin.hostile } else { &mut bin.ordinary }) += 1;
    }
    bins
}

/// Requests of about one probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reliability {
    /// The probability the model gives them, on average.
    pub said: f64,
    /// The share of attacks among them, when both classes count the same.
    pub is: f64,
    /// Where that share lies, with 95 % confidence.
    pub interval: (f64, f64),
    /// How many there are.
    pub requests: usize,
}

/// Where one bin of probabilities ends and the next begins.
const EDGES: [f32; 12] = [0.002, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 0.99];
/// Fewer requests than this say nothing.
const REQUESTS_MIN: usize = 5;

/// Compares probabilities with shares. Both classes count the same, as they do when the model is calibrated.
#[must_use]
pub(super) fn reliability(cases: &[Case<'_>]) -> Vec<Reliability> {
    let count = |hostile: bool| cases.iter().filter(|case| case.hostile == hostile).count().max(1) as f64;
    let weights = [0.5 / count(false), 0.5 / count(true)];
    let mut bins: Vec<Vec<(f64, bool)>> = vec![Vec::new(); EDGES.len() + 1];
    for case in cases {
        let probability = case.judgement.probability;
        let bin = EDGES.partition_point(|edge| *edge <= probability);
        bins[bin].push((f64::from(probability), case.hostile));
    }
    let kept = bins.iter().filter(|bin| bin.len() >= REQUESTS_MIN);
    kept.map(|bin| compare(bin, |hostile| weights[usize::from(hostile)])).collect()
}

fn compare(bin: &[(f64, bool)], weight: impl Fn(bool) -> f64) -> Reliability {
    let total = |wanted: &dyn Fn(&(f64, bool)) -> f64| bin.iter().map(wanted).sum::<f64>();
    let all = total(&|it| weight(it.1));
    let is = total(&|it| if it.1 { weight(true) } else { 0.0 }) / all;
    // Kish's effective size (1965): weights that differ make fewer of many.
    let effective = all * all / total(&|it| weight(it.1).powi(2));
    Reliability {
        said: total(&|it| it.0 * weight(it.1)) / all,
        is,
        interval: wilson_share(is, effective),
        requests: bin.len(),
    }
}
