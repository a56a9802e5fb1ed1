//! Boosted trees by histograms (Friedman 2001; Ke et al. 2017): each tree is fitted to what the sum of a start
//! and of the trees before it gets wrong. linfa has none.
//!
//! Everything is in one order, so that the same rows give the same trees, bit for bit.

mod bins;
mod grow;

use model::trees::Trees;

use self::bins::Binned;
use self::grow::Grower;

/// Trees of a fit (count).
const TREES: usize = 120;
/// What each tree's leaves are multiplied with.
const RATE: f32 = 0.1;

/// A row to fit to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'r> {
    /// Its features.
    pub features: &'r [f32],
    /// Whether it is hostile.
    pub hostile: bool,
    /// Its log-odds before any tree.
    pub start: f32,
}

/// Fits trees to rows of so many columns.
///
/// # Errors
/// When there are more columns or nodes than a tree can name.
pub(crate) fn fit(rows: &[Row<'_>], columns: usize) -> anyhow::Result<Trees> {
    let binned = Binned::new(rows, columns);
    let mut odds: Vec<f32> = rows.iter().map(|row| row.start).collect();
    let mut grower = Grower::new(&binned);
    let mut trees = Trees::default();
    for _ in 0..TREES {
        let slopes = rows.iter().zip(&odds).map(|(row, odds)| Slope::of(row.hostile, *odds)).collect();
        let tree = grower.grow(slopes, RATE, &mut odds);
        // A tree of one leaf has nothing to split by, and neither will the next.
        if tree.len() < 2 {
            break;
        }
        trees.push(&tree, columns).map_err(|error| anyhow::anyhow!("{error}"))?;
    }
    Ok(trees)
}

/// The first and second derivative of a row's loss by its log-odds; of several rows, their sums.
#[derive(Clone, Copy, Debug, Default)]
struct Slope {
    first: f32,
    second: f32,
}

impl Slope {
    fn of(hostile: bool, odds: f32) -> Self {
        let probability = model::sigmoid(odds);
        let first = probability - f32::from(u8::from(hostile));
        Self { first, second: probability * (1.0 - probability) }
    }

    fn add(&mut self, other: Self) {
        self.first += other.first;
        self.second += other.second;
    }

    fn without(self, other: Self) -> Self {
        Self { first: self.first - other.first, second: self.second - other.second }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn log_odds(probability: f32) -> f32 {
        (probability / (1.0 - probability)).ln()
    }

    /// Rows that are hostile where exactly one of two features is high, which no sum of features says.
    fn rows(random: &mut Random) -> Vec<(Vec<f32>, bool)> {
        let mut number = || random.below(1_000) as f32 / 1_000.0;
        (0..4_000)
            .map(|_| {
                let features = vec![number(), 7.0, number()];
                let hostile = (features[0] > 0.5) != (features[2] > 0.3);
                (features, hostile)
            })
            .collect()
    }

    #[test]
    fn takes_features_together() {
        let rows = rows(&mut Random::new(1));
        let fitted: Vec<Row<'_>> = rows
            .iter()
            .map(|(features, hostile)| Row { features, hostile: *hostile, start: log_odds(0.4) })
            .collect();
        let trees = fit(&fitted, 3).unwrap();
        let is_right = |(features, hostile): &&(Vec<f32>, bool)| {
            (trees.score(features) + log_odds(0.4) > 0.0) == *hostile
        };
        let right = rows.iter().filter(is_right).count();
        assert!(right > 3_950, "{right} of {}", rows.len());
        assert_eq!(trees, fit(&fitted, 3).unwrap());
    }

    #[test]
    fn of_nothing_learns_nothing() {
        assert!(fit(&[], 3).unwrap().is_empty());
        let same = [Row { features: &[1.0, 2.0], hostile: true, start: 0.0 }; 500];
        assert!(fit(&same, 2).unwrap().is_empty());
    }
}
