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
/// What the weights of a run sum up to, at least: with a smaller sum it would not be looked at, because it is not
/// above the gate of runs.
const SUM_MIN: f32 = 10.0;
/// Bounds what a byte must be worth, so that sums over a block do not overflow: far more than n-grams weigh.
const WORTH_MAX: i32 = 1 << 20;
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
    /// No run with a smaller sum than this has the least sum.
    least: i32,
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
        let worth = ((WORTH / scale) as i32).clamp(-WORTH_MAX, WORTH_MAX);
        // A little less, because products are rounded.
        let least = (0.99 * SUM_MIN / scale) as i32;
        Self { scale, worth, least, start: 0, sum: 0, highest: Peak::default(), kept: Default::default() }
    }

    /// How many of these bytes need not be taken: those before the run that goes on after them, when none that ends
    /// before can have the least sum.
    pub(crate) fn skip(&mut self, added: &[i32]) -> usize {
        let start = self.last_start(added);
        if start == 0 || self.may_end(added) {
            return 0;
        }
        self.close();
        start
    }

    /// Where the run begins that goes on after these bytes: what sums up to most up to their end. Looked for from there,
    /// a processor foresees nearly each step.
    fn last_start(&self, added: &[i32]) -> usize {
        let (mut start, mut sum, mut highest) = (added.len(), 0, 0);
        for (at, added) in added.iter().enumerate().rev() {
            sum += added - self.worth;
            if sum > highest {
                (start, highest) = (at, sum);
            }
        }
        if self.sum > 0 && self.sum + sum > highest { 0 } else { start }
    }

    /// Whether a run with the least sum may end in these bytes, by what several of them sum up to, and what of them
    /// speaks for it.
    fn may_end(&self, added: &[i32]) -> bool {
        let (mut sum, mut highest) = (self.sum, self.highest.sum);
        let mut take = |all: i32, most: i32| {
            highest = highest.max(sum.max(0) + most);
            sum = most.max(sum + all);
        };
        let (chunks, rest) = added.as_chunks::<8>();
        for chunk in chunks {
            let beyond = chunk.map(|added| added - self.worth);
            take(beyond.iter().sum(), beyond.iter().map(|added| added.max(&0)).sum());
        }
        rest.iter().for_each(|added| take(added - self.worth, (added - self.worth).max(0)));
        highest >= self.least
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

    /// The highest that have the least sum, in descending order.
    pub(crate) fn finish(mut self) -> [Option<Run>; RUNS_MAX] {
        self.close();
        self.kept.map(|Peak { sum, start, end }| {
            let run = Run { range: start.saturating_sub(GRAM_BEFORE)..end, sum: sum as f32 * self.scale };
            (run.sum >= SUM_MIN).then_some(run)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn some_bytes_need_not_be_taken(
            blocks in prop::collection::vec(prop::collection::vec(-9_i32..8, 1..30), 1..20),
            worth in 0_i32..5,
        ) {
            let [mut all, mut loud] = [(); 2].map(|()| Runs { worth, ..Runs::new(1.0) });
            let mut start = 0;
            for block in blocks {
                let places: Vec<_> = (start..).take(block.len()).collect();
                all.extend(&places, &block);
                let skipped = loud.skip(&block);
                loud.extend(&places[skipped..], &block[skipped..]);
                start += block.len();
            }
            prop_assert_eq!(all.finish(), loud.finish());
        }
    }

    #[test]
    fn finds_the_highest() {
        for (added, expected) in [
            (&[][..], &[][..]),
            (&[-1, -2], &[]),
            (&[-9, -9, -9, -9, 5, -1, 5, -9, -9, 7, -9, 1, -9, 2], &[(1..7, 9), (6..10, 7), (10..14, 2)]),
            (&[3, -2, 3], &[(0..3, 4)]),
        ] {
            // Bytes must be worth nothing, and any sum is enough.
            let mut runs = Runs { worth: 0, ..Runs::new(SUM_MIN) };
            added.iter().enumerate().for_each(|(at, added)| runs.push(at, *added));
            let sum = |run: &Run| (run.sum / SUM_MIN) as i32;
            let found: Vec<_> =
                runs.finish().into_iter().flatten().map(|run| (run.range.clone(), sum(&run))).collect();
            assert_eq!(found, expected, "{added:?}");
        }
    }

    #[test]
    fn tells_a_long_one_in_parts() {
        let mut runs = Runs { worth: 0, ..Runs::new(SUM_MIN) };
        (0..1_000).for_each(|at| runs.push(at, 1));
        assert!(runs.finish().iter().flatten().all(|run| run.range.len() <= BYTES_MAX + GRAM_BEFORE));
    }
}
