//! Where in a value the n-grams are that speak for an attack, wherever windows begin and end.
//!
//! An attack within ordinary text shares its windows with that text, and the longer the text, the less of a window
//! is left. What each byte adds to a window's score is known when the window is scored, so the stretches that add
//! most are found in the same pass, by Kadane's algorithm (Bentley 1984).

use std::ops::Range;

/// Runs of one value that are told (count).
pub const RUNS_MAX: usize = 3;
/// What each byte of a run must add to be worth its place (weight): a window's score grows with a sum of weights
/// and falls with their number.
const WORTH: f32 = 0.6;
/// Bytes of a run, at most: a longer one is told in parts.
const BYTES_MAX: usize = 192;
/// Bytes that an n-gram has before the byte it ends with.
const GRAM_BEFORE: usize = 3;

/// A run of bytes whose n-grams speak for an attack.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The bytes of the value it covers.
    pub range: Range<usize>,
    /// What the weights of its n-grams sum up to, beyond what they must.
    pub sum: f32,
}

/// Finds the runs with the highest sums, byte by byte.
#[derive(Debug)]
pub(crate) struct Runs {
    scale: f32,
    worth: i32,
    start: usize,
    sum: i32,
    highest: Peak,
    /// The highest first.
    kept: [Peak; RUNS_MAX],
}

#[derive(Clone, Copy, Debug, Default)]
struct Peak {
    sum: i32,
    start: usize,
    end: usize,
}

impl Runs {
    /// None yet, of a value whose weights are multiplied with `scale`.
    pub(crate) fn new(scale: f32) -> Self {
        let worth = (WORTH / scale) as i32;
        Self { scale, worth, start: 0, sum: 0, highest: Peak::default(), kept: Default::default() }
    }

    /// Takes what the n-grams add that end with the bytes at `places`.
    pub(crate) fn extend(&mut self, places: &[usize], added: &[i32]) {
        let mut next = 0;
        while let Some(rest) = added.get(next..) {
            // At most bytes no run is under way, and none begins.
            let is_idle = self.sum <= 0 && self.highest.sum == 0;
            let idle = if is_idle { rest.iter().position(|added| *added > self.worth) } else { Some(0) };
            let Some((at, added)) = idle.and_then(|idle| {
                next += idle;
                Some((places.get(next)?, added.get(next)?))
            }) else {
                return;
            };
            self.push(*at, *added);
            next += 1;
        }
    }

    /// Takes what the n-grams that end with the byte at `at` add.
    #[inline]
    pub(crate) fn push(&mut self, at: usize, added: i32) {
        if self.sum <= 0 || at - self.start >= BYTES_MAX {
            self.close();
            self.start = at;
        }
        self.sum = self.sum.saturating_add(added).saturating_sub(self.worth);
        if self.sum > self.highest.sum {
            self.highest = Peak { sum: self.sum, start: self.start, end: at + 1 };
        }
    }

    fn close(&mut self) {
        let mut peak = std::mem::take(&mut self.highest);
        self.sum = 0;
        if peak.sum <= self.kept[RUNS_MAX - 1].sum {
            return;
        }
        for kept in &mut self.kept {
            if peak.sum > kept.sum {
                std::mem::swap(kept, &mut peak);
            }
        }
    }

    /// The highest, in descending order.
    pub(crate) fn finish(mut self) -> [Option<Run>; RUNS_MAX] {
        self.close();
        self.kept.map(|Peak { sum, start, end }| {
            let range = start.saturating_sub(GRAM_BEFORE)..end;
            (sum > 0).then_some(Run { range, sum: sum as f32 * self.scale })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_highest() {
        for (added, expected) in [
            (&[][..], &[][..]),
            (&[-1, -2], &[]),
            (&[-9, -9, -9, -9, 5, -1, 5, -9, -9, 7, -9, 1, -9, 2], &[(1..7, 9), (6..10, 7), (10..14, 2)]),
            (&[3, -2, 3], &[(0..3, 4)]),
        ] {
            // A byte that must be worth nothing.
            let mut runs = Runs { worth: 0, ..Runs::new(1.0) };
            added.iter().enumerate().for_each(|(at, added)| runs.push(at, *added));
            let found: Vec<_> =
                runs.finish().into_iter().flatten().map(|run| (run.range, run.sum as i32)).collect();
            assert_eq!(found, expected, "{added:?}");
        }
    }

    #[test]
    fn tells_a_long_one_in_parts() {
        let mut runs = Runs { worth: 0, ..Runs::new(1.0) };
        (0..1_000).for_each(|at| runs.push(at, 1));
        assert!(runs.finish().iter().flatten().all(|run| run.range.len() <= BYTES_MAX + GRAM_BEFORE));
    }
}
