//! Stage 1 is fitted by stochastic gradient descent with AdaGrad (Duchi, Hazan and Singer 2011). The weights are those of the last passes
//! on average (Polyak and Juditsky 1992): what the order of examples does to the last few steps is noise, and moves single sites across a threshold.

use model::ngram::{BUCKETS, damping, windows};
use model::{Artifact, sigmoid};

use crate::random::Random;

/// Step of the descent.
const RATE: f32 = 0.15;
/// Weight decay.
const DECAY: f32 = 1e-6;
/// Windows of one ordinary value that are shown, at most (count).
const WINDOWS_MAX: usize = 4;
/// Attacks up to this length are shown before the strangest windows are known (bytes).
const SHORT_BYTES: usize = 144;
/// Times all is shown before the strangest windows are looked for, and after.
const PASSES: [usize; 2] = [2, 5];
/// Of how many of the last passes weights are averaged, and how often in each.
const AVERAGED: (usize, usize) = (3, 8);

/// Windows that are shown when weights are fitted on, about (count), and bounds of the passes that makes.
const CONTINUED: (usize, usize, usize) = (100_000, 2, 40);
/// What earlier gradients are taken to have summed up to: new examples move weights that were fitted before less
/// than they would move fresh ones.
const CONTINUED_SQUARES: f32 = 0.25;

/// A value to learn from.
#[derive(Clone, Debug)]
pub struct Example<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Whether it is an attack.
    pub hostile: bool,
    /// How much it counts.
    pub weight: f32,
}

/// Fitted weights.
#[derive(Clone, Debug)]
pub struct Stage1 {
    /// One weight a bucket.
    pub weights: Vec<f32>,
    /// What a window without n-grams scores.
    pub bias: f32,
}

/// Windows as lists of buckets.
#[derive(Default)]
struct Windows {
    buckets: Vec<u16>,
    items: Vec<Item>,
}

struct Item {
    start: usize,
    end: usize,
    target: f32,
    weight: f32,
}

impl Stage1 {
    /// Fits weights to examples.
    #[must_use]
    pub fn fit(examples: &[Example<'_>], seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut descent = Descent::new();
        // Where in a long value the attack is, nobody knows yet.
        let short: Vec<_> =
            examples.iter().filter(|it| !it.hostile || it.bytes.len() <= SHORT_BYTES).cloned().collect();
        let first = Windows::collect(&short, |_| 0.0);
        descent.run(&first, PASSES[0], &mut random);
        drop(first);
        let fitted = descent.fitted();
        let strangest = Windows::collect(examples, |buckets| fitted.score(buckets));
        descent.run(&strangest, PASSES[1] - AVERAGED.0, &mut random);
        descent.run_averaged(&strangest, AVERAGED.0, &mut random)
    }

    /// Fits weights on to further examples. Where in an attack its hostile part is, the earlier weights know.
    #[must_use]
    pub fn continued(earlier: Self, examples: &[Example<'_>], seed: u64) -> Self {
        let strangest = Windows::collect(examples, |buckets| earlier.score(buckets));
        let (shown, least, most) = CONTINUED;
        let passes = (shown / strangest.items.len().max(1)).clamp(least, most);
        let mut descent = Descent {
            weights: earlier.weights,
            squares: vec![CONTINUED_SQUARES; BUCKETS],
            bias: earlier.bias,
            // The bias is every value's: what a few examples say does not move it.
            bias_square: f32::INFINITY,
        };
        descent.run(&strangest, passes, &mut Random::new(seed));
        descent.fitted()
    }

    /// Weights as an artifact has them.
    #[must_use]
    pub fn of(artifact: &Artifact) -> Self {
        let scale = artifact.header.stage1_scale;
        let weights = artifact.stage1.iter().map(|weight| f32::from(*weight) * scale).collect();
        Self { weights, bias: artifact.header.stage1_bias }
    }

    /// The score of a window with these buckets.
    #[must_use]
    pub fn score(&self, buckets: &[u32]) -> f32 {
        let sum: f32 = buckets.iter().map(|bucket| self.weights[*bucket as usize]).sum();
        model::ngram::damped(self.bias, sum, buckets.len() as u32)
    }

    /// Weights as an artifact keeps them, and what they are to be multiplied with.
    #[must_use]
    pub fn quantised(&self) -> (Vec<i16>, f32) {
        let largest = self.weights.iter().fold(0_f32, |largest, weight| largest.max(weight.abs()));
        let scale = largest.max(f32::MIN_POSITIVE) / f32::from(i16::MAX);
        (self.weights.iter().map(|weight| (weight / scale).round() as i16).collect(), scale)
    }

    /// A table that scores as serving does.
    #[must_use]
    pub fn table(&self) -> model::ngram::Table {
        let (weights, scale) = self.quantised();
        model::ngram::Table::new(&weights, scale, self.bias)
    }
}

impl Windows {
    /// Of an attack the window with the highest score is taken (one of them is the attack), of an ordinary
    /// value several: each of them is ordinary.
    fn collect(examples: &[Example<'_>], score: impl Fn(&[u32]) -> f32) -> Self {
        let mut all = Self::default();
        let mut found: Vec<(f32, Vec<u16>)> = Vec::new();
        for example in examples {
            found.clear();
            windows(example.bytes, |buckets, _| {
                found.push((score(buckets), buckets.iter().map(|bucket| *bucket as u16).collect()));
            });
            // Stable, so that without scores the first are taken.
            found.sort_by(|a, b| b.0.total_cmp(&a.0));
            let taken = if example.hostile { 1 } else { WINDOWS_MAX };
            for (_, buckets) in found.iter().take(taken) {
                all.push(buckets, example);
            }
        }
        all.balance();
        all
    }

    fn push(&mut self, buckets: &[u16], example: &Example<'_>) {
        let start = self.buckets.len();
        self.buckets.extend_from_slice(buckets);
        let target = if example.hostile { 1.0 } else { 0.0 };
        self.items.push(Item { start, end: self.buckets.len(), target, weight: example.weight });
    }

    /// Both classes weigh the same, and an item 1 on average.
    fn balance(&mut self) {
        for target in [0.0, 1.0] {
            let of_class = |item: &&mut Item| item.target == target;
            let total: f64 = self.items.iter_mut().filter(of_class).map(|item| f64::from(item.weight)).sum();
            let factor = self.items.len() as f64 / 2.0 / total.max(f64::MIN_POSITIVE);
            self.items.iter_mut().filter(of_class).for_each(|item| item.weight *= factor as f32);
        }
    }
}

struct Descent {
    weights: Vec<f32>,
    squares: Vec<f32>,
    bias: f32,
    bias_square: f32,
}

impl Descent {
    fn new() -> Self {
        Self { weights: vec![0.0; BUCKETS], squares: vec![1e-8; BUCKETS], bias: 0.0, bias_square: 1e-8 }
    }

    fn fitted(&self) -> Stage1 {
        Stage1 { weights: self.weights.clone(), bias: self.bias }
    }

    fn run(&mut self, windows: &Windows, passes: usize, random: &mut Random) {
        self.run_watched(windows, passes, random, |_| {});
    }

    /// The same; the weights on average over these passes.
    fn run_averaged(&mut self, windows: &Windows, passes: usize, random: &mut Random) -> Stage1 {
        let (mut sums, mut bias, mut count) = (vec![0_f64; BUCKETS], 0_f64, 0_f64);
        self.run_watched(windows, passes, random, |descent| {
            sums.iter_mut().zip(&descent.weights).for_each(|(sum, weight)| *sum += f64::from(*weight));
            (bias, count) = (bias + f64::from(descent.bias), count + 1.0);
        });
        if count == 0.0 {
            return self.fitted();
        }
        let weights = sums.into_iter().map(|sum| (sum / count) as f32).collect();
        Stage1 { weights, bias: (bias / count) as f32 }
    }

    /// Shows all in random order, so many times; `watch` looks on as often in each pass as [`AVERAGED`] says.
    fn run_watched(
        &mut self,
        windows: &Windows,
        passes: usize,
        random: &mut Random,
        mut watch: impl FnMut(&Self),
    ) {
        let mut order: Vec<u32> = (0..windows.items.len() as u32).collect();
        for _ in 0..passes {
            random.shuffle(&mut order);
            for part in order.chunks(order.len().div_ceil(AVERAGED.1).max(1)) {
                for index in part {
                    let item = &windows.items[*index as usize];
                    self.step(&windows.buckets[item.start..item.end], item.target, item.weight);
                }
                watch(self);
            }
        }
    }

    fn step(&mut self, buckets: &[u16], target: f32, weight: f32) {
        let factor = damping(buckets.len() as u32);
        let sum: f32 = buckets.iter().map(|bucket| self.weights[*bucket as usize]).sum();
        let score = self.bias + sum * factor;
        let gradient = weight * (sigmoid(score) - target);
        if gradient.abs() < 1e-6 {
            return;
        }
        self.bias_square += gradient * gradient;
        self.bias -= RATE * gradient / self.bias_square.sqrt();
        let part = gradient * factor;
        for bucket in buckets {
            let index = *bucket as usize;
            let gradient = part + DECAY * self.weights[index];
            self.squares[index] += gradient * gradient;
            self.weights[index] -= RATE * gradient / self.squares[index].sqrt();
        }
    }
}
