//! From log-odds to confidence.

use std::collections::HashMap;

use model::artifact::{Calibration, Thresholds};
use model::sigmoid;

use crate::corpus::{Corpus, Request};

/// Shares of ordinary requests above the thresholds: medium, high, critical.
pub const FALSE_POSITIVE_RATES: [f64; 3] = [0.005, 0.000_5, 0.000_1];
/// Steps of Newton's method.
const NEWTON_STEPS: usize = 50;

/// An ordinary request's log-odds, and what stands for the value that has them: what one site sends again and
/// again has one key.
pub type Keyed = (f32, u64);

/// Thresholds above which those shares of ordinary requests lie. Recorded traffic of sites counts, where
/// there is any: texts that were collected because they look like attacks are not what sites get.
///
/// For critical, what one site sends again and again counts as the square root of its number. At that share the
/// requests are so few that else a single parameter of a single site sets the threshold of all; learning that site
/// takes care of it.
#[must_use]
pub fn thresholds(corpus: &Corpus, requests: &[&Request], scores: &[Keyed]) -> Thresholds {
    let ordinary = || requests.iter().zip(scores).filter(|(request, _)| !request.hostile);
    let recorded: Vec<Keyed> =
        ordinary().filter(|(request, _)| corpus.is_recorded(request)).map(|(_, keyed)| *keyed).collect();
    let mut all = if recorded.is_empty() { ordinary().map(|(_, keyed)| *keyed).collect() } else { recorded };
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let [medium, high, critical] = FALSE_POSITIVE_RATES.map(|rate| all.len() as f64 * rate);
    let [medium, high] = [medium, high].map(|allowed| above(&all, allowed as usize));
    let mut repeats: HashMap<u64, f64> = HashMap::new();
    let mut counted = 0.0;
    let allowed = all.iter().position(|(_, key)| {
        let count = repeats.entry(*key).or_default();
        *count += 1.0;
        counted += count.sqrt() - (*count - 1.0).sqrt();
        counted > critical
    });
    let critical = above(&all, allowed.unwrap_or(all.len()));
    Thresholds { medium, high, critical: critical.max(high) }
}

/// The lowest number that at most so many of `sorted` (highest first) reach.
fn above(sorted: &[Keyed], allowed: usize) -> f32 {
    sorted.get(allowed).map_or(f32::MAX, |(odds, _)| odds.max(f32::MIN).next_up())
}

/// Platt's scaling (1999), fitted as Lin, Lin and Weng (2007) do: targets short of 0 and 1, Newton's method
/// with backtracking. Both classes count the same, so that the score does not say how many attacks the
/// training data had.
#[must_use]
pub fn platt(labelled: &[(bool, f32)]) -> Calibration {
    let points = Points::of(labelled);
    let (mut slope, mut offset) = (1.0, 0.0);
    let mut loss = points.loss(slope, offset);
    for _ in 0..NEWTON_STEPS {
        let (by_slope, by_offset) = points.newton(slope, offset);
        let shorter = (0..10).map(|halvings| 0.5_f64.powi(halvings));
        let better =
            shorter.map(|part| (slope - part * by_slope, offset - part * by_offset)).find_map(|(s, o)| {
                let found = points.loss(s, o);
                (found < loss).then_some((s, o, found))
            });
        let Some(found) = better else { break };
        (slope, offset, loss) = found;
    }
    if slope > 0.0 {
        Calibration { slope: slope as f32, offset: offset as f32 }
    } else {
        Calibration { slope: 1.0, offset: 0.0 }
    }
}

/// Log-odds beyond this are as good as certain.
const ODDS_MAX: f64 = 20.0;

/// What Platt's scaling is fitted to: log-odds, target, weight.
struct Points(Vec<(f64, f64, f64)>);

impl Points {
    fn of(labelled: &[(bool, f32)]) -> Self {
        let count = |hostile: bool| labelled.iter().filter(|(label, _)| *label == hostile).count() as f64;
        let (hostile, ordinary) = (count(true), count(false));
        let point = |(label, odds): &(bool, f32)| {
            let odds = f64::from(*odds).clamp(-ODDS_MAX, ODDS_MAX);
            match label {
                true => (odds, (hostile + 1.0) / (hostile + 2.0), 1.0 / hostile),
                false => (odds, 1.0 / (ordinary + 2.0), 1.0 / ordinary),
            }
        };
        Self(labelled.iter().map(point).collect())
    }

    /// Cross-entropy, without overflow: `ln(1 + e^x) - target * x`.
    fn loss(&self, slope: f64, offset: f64) -> f64 {
        let of_point = |(odds, target, weight): &(f64, f64, f64)| {
            let x = slope * odds + offset;
            weight * (x.max(0.0) + (-x.abs()).exp().ln_1p() - target * x)
        };
        self.0.iter().map(of_point).sum()
    }

    /// Newton's step.
    fn newton(&self, slope: f64, offset: f64) -> (f64, f64) {
        let (mut g, mut h) = ([0.0; 2], [1e-9, 0.0, 1e-9]);
        for (odds, target, weight) in &self.0 {
            let p = 1.0 / (1.0 + (-(slope * odds + offset)).exp());
            let (error, curvature) = (weight * (p - target), weight * p * (1.0 - p));
            g = [g[0] + error * odds, g[1] + error];
            h = [h[0] + curvature * odds * odds, h[1] + curvature * odds, h[2] + curvature];
        }
        let determinant = h[0] * h[2] - h[1] * h[1];
        ((h[2] * g[0] - h[1] * g[1]) / determinant, (h[0] * g[1] - h[1] * g[0]) / determinant)
    }
}

/// What [`platt`] makes of log-odds.
#[must_use]
pub fn probability(calibration: Calibration, log_odds: f32) -> f32 {
    sigmoid(calibration.slope * log_odds + calibration.offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_so_many() {
        let sorted: Vec<Keyed> = (0..1_000).rev().map(|it| (it as f32, it)).collect();
        for allowed in [5, 0, 10] {
            let threshold = above(&sorted, allowed);
            assert_eq!(sorted.iter().filter(|it| it.0 >= threshold).count(), allowed);
        }
        assert_eq!(above(&[], 1), f32::MAX);
    }

    #[test]
    fn ties_do_not_exceed_it() {
        let threshold = above(&[2.0, 2.0, 2.0, 1.0].map(|it| (it, 0)), 2);
        assert!(threshold > 2.0);
    }

    #[test]
    fn recovers_a_slope() {
        let labelled: Vec<_> = (-500..500)
            .flat_map(|it| {
                let odds = it as f32 / 100.0;
                let hostile = (sigmoid(2.0 * odds - 1.0) * 100.0) as usize;
                (0..100).map(move |nth| (nth < hostile, odds))
            })
            .collect();
        let Calibration { slope, .. } = platt(&labelled);
        assert!((slope - 2.0).abs() < 0.2, "{slope}");
        assert_eq!(platt(&[]), Calibration { slope: 1.0, offset: 0.0 });
    }
}
