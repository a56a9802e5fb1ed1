//! Receiver operating characteristic and precision-recall, from scores with weights.

use std::collections::HashMap;

use serde::Serialize;

use super::Case;

/// How much a request counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weighing {
    /// Each the same.
    Requests,
    /// Each site and each cluster of near-duplicates the same.
    Clusters,
}

/// What a threshold comes to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Log-odds above the critical threshold.
    pub margin: f32,
    /// Share of ordinary requests at or above it.
    pub false_positives: f64,
    /// Share of attacks at or above it.
    pub found: f64,
    /// Share of attacks among all that is at or above it.
    pub precision: f64,
}

/// What each threshold comes to, from the highest down.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// How requests were weighted.
    pub weighing: Weighing,
    /// The area under the receiver operating characteristic.
    pub area: f64,
    /// Thresholds, thinned out.
    pub points: Vec<Point>,
}

/// Thresholds this near each other look like one in a plot (difference in log-odds of both shares).
const NEAR: f64 = 0.05;

impl Curve {
    /// The curve of some requests; empty when there are not both attacks and ordinary requests.
    #[must_use]
    pub fn of(cases: &[Case<'_>], weighing: Weighing) -> Self {
        let weights = weights(cases, weighing);
        let scored = cases.iter().zip(&weights);
        Self::from_scores(
            weighing,
            scored.map(|(case, weight)| (case.judgement.margin, case.hostile, *weight)).collect(),
        )
    }

    fn from_scores(weighing: Weighing, mut scored: Vec<(f32, bool, f64)>) -> Self {
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        let total = |hostile: bool| scored.iter().filter(|it| it.1 == hostile).map(|it| it.2).sum::<f64>();
        let (hostile, ordinary) = (total(true), total(false));
        if hostile == 0.0 || ordinary == 0.0 {
            return Self { weighing, area: f64::NAN, points: Vec::new() };
        }
        let (mut found, mut false_positives, mut area) = (0.0, 0.0, 0.0);
        let mut points: Vec<Point> = Vec::new();
        for tied in scored.chunk_by(|a, b| a.0 == b.0) {
            let before = (found, false_positives);
            for (_, is_hostile, weight) in tied {
                *(if *is_hostile { &mut found } else { &mut false_positives }) += weight;
            }
            area += (false_positives - before.1) * (found + before.0) / 2.0;
            points.push(Point {
                margin: tied[0].0,
                false_positives: false_positives / ordinary,
                found: found / hostile,
                precision: found / (found + false_positives),
            });
        }
        Self { weighing, area: area / hostile / ordinary, points: thinned(points) }
    }
}

/// Of points that a plot cannot tell apart, the first.
fn thinned(points: Vec<Point>) -> Vec<Point> {
    /// Where a share stands on an axis that shows both ends of it in detail.
    fn place(share: f64) -> f64 {
        (share.max(1e-7) / (1.0 - share).max(1e-7)).ln()
    }
    let last = points.len().saturating_sub(1);
    let mut kept: Vec<Point> = Vec::new();
    for (index, point) in points.into_iter().enumerate() {
        let is_near = kept.last().is_some_and(|kept: &Point| {
            (place(kept.false_positives) - place(point.false_positives)).abs() < NEAR
                && (place(kept.found) - place(point.found)).abs() < NEAR
        });
        if !is_near || index == last {
            kept.push(point);
        }
    }
    kept
}

/// A weight for each case.
fn weights(cases: &[Case<'_>], weighing: Weighing) -> Vec<f64> {
    if weighing == Weighing::Requests {
        return vec![1.0; cases.len()];
    }
    let mut sizes: HashMap<(bool, u64), f64> = HashMap::new();
    cases.iter().for_each(|case| *sizes.entry((case.hostile, case.group)).or_default() += 1.0);
    cases.iter().map(|case| 1.0 / sizes[&(case.hostile, case.group)]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn measures_the_area() {
        for (scored, expected) in [
            (vec![(1.0, true, 1.0), (0.0, false, 1.0)], 1.0),
            (vec![(0.0, true, 1.0), (1.0, false, 1.0)], 0.0),
            (vec![(0.0, true, 1.0), (0.0, false, 1.0)], 0.5),
            (vec![(2.0, true, 3.0), (1.0, false, 1.0), (0.0, true, 1.0)], 0.75),
        ] {
            let curve = Curve::from_scores(Weighing::Requests, scored.clone());
            assert!((curve.area - expected).abs() < 1e-9, "{scored:?} {curve:?}");
        }
        assert!(Curve::from_scores(Weighing::Requests, vec![(0.0, true, 1.0)]).points.is_empty());
    }

    proptest! {
        #[test]
        fn rises(scored in prop::collection::vec((-9_f32..9.0, any::<bool>(), 0.1_f64..2.0), 0..2_000)) {
            let points = Curve::from_scores(Weighing::Clusters, scored).points;
            for pair in points.windows(2) {
                prop_assert!(pair[0].margin > pair[1].margin);
                prop_assert!(pair[0].found <= pair[1].found && pair[0].false_positives <= pair[1].false_positives);
            }
            prop_assert!(points.last().is_none_or(|it| (it.found - 1.0).abs() < 1e-9));
        }
    }
}
