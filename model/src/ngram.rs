//! Stage 1: which n-grams of one to four bytes a window of a value has.
//!
//! A normalised value is cut into blocks of [`BLOCK_BYTES`]; two neighbours are a window, so that windows
//! overlap by half. Each distinct n-gram is hashed to one of [`BUCKETS`] weights; a window's score is
//! `bias + sum(weights) / sqrt(count + 48)`, and a value's the highest of its windows. The square root
//! keeps long windows from outweighing short ones, and the constant keeps tiny values from extremes.

use std::ops::Range;

use crate::normal::Normaliser;
use crate::run::{RUNS_MAX, Run, Runs};

/// Weights (count): two bytes of hash.
pub const BUCKETS: usize = 1 << 16;
/// Normalised bytes of a block; a window has twice as many.
pub const BLOCK_BYTES: usize = 48;
/// Damps short windows: see the module.
const DAMPING: f32 = 48.0;

/// The score of a window whose `count` distinct n-grams have this `sum` of weights.
#[must_use]
pub fn damped(bias: f32, sum: f32, count: u32) -> f32 {
    bias + sum * damping(count)
}

/// What each weight of a window of `count` distinct n-grams is multiplied with.
#[must_use]
pub fn damping(count: u32) -> f32 {
    (count as f32 + DAMPING).sqrt().recip()
}

/// The buckets of the n-grams that end with each byte of a normalised value.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rolling {
    last_four: u32,
    seen: u8,
}

impl Rolling {
    /// Takes a byte; calls `bucket` for each n-gram that ends with it, shortest first.
    #[inline]
    pub fn push(&mut self, byte: u8, mut bucket: impl FnMut(usize)) {
        self.last_four = self.last_four << 8 | u32::from(byte);
        self.seen = (self.seen + 1).min(4);
        bucket(hash(self.last_four & 0xff, 1));
        if self.seen > 1 {
            bucket(hash(self.last_four & 0xffff, 2));
        }
        if self.seen > 2 {
            bucket(hash(self.last_four & 0xff_ffff, 3));
        }
        if self.seen > 3 {
            bucket(hash(self.last_four, 4));
        }
    }
}

/// Fibonacci hashing of the n-gram with its length.
#[inline]
fn hash(gram: u32, length: u64) -> usize {
    let key = u64::from(gram) | length << 32;
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize
}

/// A window of a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The bytes of the value it covers.
    pub range: Range<usize>,
    /// Its stage-1 score.
    pub score: f32,
}

/// Scores of a value's windows.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage1 {
    /// The window with the highest score.
    pub best: Window,
    /// The second highest score; the same as the highest when there is one window.
    pub second: f32,
    /// The mean over windows.
    pub mean: f32,
    /// How many windows there are.
    pub windows: u32,
    /// The runs of bytes that speak most for an attack, the strongest first.
    pub runs: [Option<Run>; RUNS_MAX],
}

/// Weights with room for marks: each entry is a weight and the number of the last block that had it, in
/// one word, so that looking up one n-gram touches one cache line.
#[derive(Clone, Debug)]
pub struct Table {
    entries: Box<[Entry; BUCKETS]>,
    block: u16,
    scale: f32,
    bias: f32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    weight: i16,
    mark: u16,
}

/// What is known of a block: sums over its distinct n-grams.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    start: usize,
    end: usize,
    sum: i32,
    count: u32,
    /// The part of it that the block before has too.
    shared_sum: i32,
    shared_count: u32,
}

impl Table {
    /// A table of `weights[bucket] * scale`.
    #[must_use]
    pub fn new(weights: &[i16], scale: f32, bias: f32) -> Self {
        let mut entries = Box::new([Entry::default(); BUCKETS]);
        for (entry, weight) in entries.iter_mut().zip(weights) {
            entry.weight = *weight;
        }
        Self { entries, block: 0, scale, bias }
    }

    /// The scores of a value's windows.
    pub fn score(&mut self, value: &[u8]) -> Stage1 {
        self.begin_value(value.len());
        let (mut normaliser, mut rolling) = (Normaliser::default(), Rolling::default());
        let (mut found, mut runs) = (Found::default(), Runs::new(self.scale));
        let (mut previous, mut block, mut filled) = (None, Block::default(), 0);
        for (at, byte) in value.iter().enumerate() {
            let Some(normal) = normaliser.push(*byte) else { continue };
            if filled == BLOCK_BYTES {
                block.end = at;
                found.add(previous, block, self);
                previous = Some(block);
                block = Block { start: at, ..Block::default() };
                self.next_block();
                filled = 0;
            }
            filled += 1;
            let mut new = 0;
            rolling.push(normal, |bucket| new += self.mark(bucket, &mut block));
            runs.push(at, new);
        }
        block.end = value.len();
        found.end(previous, block, self);
        found.finish(value.len(), self.bias, runs.finish())
    }

    /// Does something while some buckets weigh nothing; `weights` is written to.
    pub(crate) fn without<R>(
        &mut self,
        buckets: &[u16],
        weights: &mut Vec<i16>,
        with: impl FnOnce(&mut Self) -> R,
    ) -> R {
        weights.clear();
        for bucket in buckets {
            let entry = self.entries.get_mut(usize::from(*bucket));
            weights.push(entry.map_or(0, |entry| std::mem::take(&mut entry.weight)));
        }
        let result = with(self);
        // Backwards: the first of two that are the same has the weight.
        for (bucket, weight) in buckets.iter().zip(weights.iter()).rev() {
            if let Some(entry) = self.entries.get_mut(usize::from(*bucket)) {
                entry.weight = *weight;
            }
        }
        result
    }

    /// Marks of earlier values must not be taken for those of this one.
    fn begin_value(&mut self, bytes: usize) {
        let blocks = bytes / BLOCK_BYTES + 3;
        if usize::from(self.block) + blocks > usize::from(u16::MAX) {
            self.forget();
        }
        self.block += 2;
    }

    /// In a value of more than 65,000 blocks, numbers run out at a place that depends on the value alone,
    /// because such a value begins with none used.
    fn next_block(&mut self) {
        if self.block == u16::MAX {
            self.forget();
            self.block = 1;
        }
        self.block += 1;
    }

    fn forget(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.mark = 0);
        self.block = 0;
    }

    /// Notes an n-gram; its weight, if the window has it for the first time.
    #[inline]
    fn mark(&mut self, bucket: usize, block: &mut Block) -> i32 {
        // Without branches: whether an n-gram is new is what a processor cannot predict.
        let entry = &mut self.entries[bucket % BUCKETS];
        let weight = i32::from(entry.weight);
        let is_new = u32::from(entry.mark != self.block);
        let is_shared = u32::from(entry.mark == self.block - 1);
        block.sum += weight * is_new as i32;
        block.count += is_new;
        block.shared_sum += weight * is_shared as i32;
        block.shared_count += is_shared;
        entry.mark = self.block;
        weight * (is_new as i32 - is_shared as i32)
    }

    /// The score of a few bytes as if they were one window.
    pub fn window_of(&mut self, bytes: &[u8]) -> f32 {
        self.begin_value(bytes.len());
        let (mut normaliser, mut rolling) = (Normaliser::default(), Rolling::default());
        let mut block = Block::default();
        for normal in bytes.iter().filter_map(|byte| normaliser.push(*byte)) {
            rolling.push(normal, |bucket| {
                self.mark(bucket, &mut block);
            });
        }
        damped(self.bias, block.sum as f32 * self.scale, block.count)
    }

    fn window(&self, previous: Option<Block>, block: Block) -> Window {
        let first = previous.unwrap_or(Block { start: block.start, ..Block::default() });
        let sum = first.sum + block.sum - if previous.is_some() { block.shared_sum } else { 0 };
        let count = first.count + block.count - if previous.is_some() { block.shared_count } else { 0 };
        Window { range: first.start..block.end, score: damped(self.bias, sum as f32 * self.scale, count) }
    }
}

/// The windows found so far.
#[derive(Default)]
struct Found {
    best: Option<Window>,
    second: Option<f32>,
    total: f32,
    windows: u32,
}

impl Found {
    /// A full block ends a window, if there is one before it.
    fn add(&mut self, previous: Option<Block>, block: Block, table: &Table) {
        if previous.is_some() {
            self.take(table.window(previous, block));
        }
    }

    /// The last block always does.
    fn end(&mut self, previous: Option<Block>, block: Block, table: &Table) {
        if block.count > 0 || self.windows == 0 {
            self.take(table.window(previous, block));
        }
    }

    fn take(&mut self, window: Window) {
        self.total += window.score;
        self.windows += 1;
        match &self.best {
            Some(best) if best.score >= window.score => {
                self.second = Some(self.second.map_or(window.score, |second| second.max(window.score)));
            }
            _ => {
                if let Some(best) = self.best.replace(window) {
                    self.second = Some(best.score);
                }
            }
        }
    }

    fn finish(self, bytes: usize, bias: f32, runs: [Option<Run>; RUNS_MAX]) -> Stage1 {
        let best = self.best.unwrap_or(Window { range: 0..bytes, score: bias });
        let second = self.second.unwrap_or(best.score);
        Stage1 { second, mean: self.total / self.windows.max(1) as f32, windows: self.windows, best, runs }
    }
}

/// The bucket of each n-gram of a value, with the n-gram: its normalised bytes with zeros before them.
pub fn each(value: &[u8], mut each: impl FnMut(usize, [u8; 4])) {
    let (mut normaliser, mut rolling) = (Normaliser::default(), Rolling::default());
    for byte in value {
        let Some(normal) = normaliser.push(*byte) else { continue };
        let mut mask = 0_u32;
        let last_four = rolling.last_four << 8 | u32::from(normal);
        rolling.push(normal, |bucket| {
            mask = mask << 8 | 0xff;
            each(bucket, (last_four & mask).to_be_bytes());
        });
    }
}

/// The distinct buckets of each window of a value, as [`Table::score`] sees them; training counts with this.
pub fn windows(value: &[u8], mut window: impl FnMut(&[u32], Range<usize>)) {
    let (mut normaliser, mut rolling) = (Normaliser::default(), Rolling::default());
    let mut blocks: Vec<(Vec<u32>, usize)> = vec![(Vec::new(), 0)];
    let mut filled = 0;
    for (at, byte) in value.iter().enumerate() {
        let Some(normal) = normaliser.push(*byte) else { continue };
        if filled == BLOCK_BYTES {
            blocks.push((Vec::new(), at));
            filled = 0;
        }
        filled += 1;
        if let Some((buckets, _)) = blocks.last_mut() {
            rolling.push(normal, |bucket| buckets.push(bucket as u32));
        }
    }
    let count = blocks.len();
    let mut both = Vec::new();
    for index in 0..count.saturating_sub(1).max(1) {
        both.clear();
        both.extend_from_slice(&blocks[index].0);
        blocks.get(index + 1).iter().for_each(|next| both.extend_from_slice(&next.0));
        both.sort_unstable();
        both.dedup();
        let end = blocks.get(index + 2).map_or(value.len(), |next| next.1);
        window(&both, blocks[index].1..end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Weights that differ from bucket to bucket.
    fn weights() -> Vec<i16> {
        (0..BUCKETS).map(|bucket| ((bucket * 7919) % 2001) as i16 - 1000).collect()
    }

    proptest! {
        #[test]
        fn one_pass_scores_each_window(value in "[a-zA-Z0-9 '<>=%\u{e9}]{0,400}") {
            let (weights, scale, bias) = (weights(), 0.001, -1.0);
            let mut plain: Vec<(f32, Range<usize>)> = Vec::new();
            windows(value.as_bytes(), |buckets, range| {
                let sum: i32 = buckets.iter().map(|bucket| i32::from(weights[*bucket as usize])).sum();
                plain.push((damped(bias, sum as f32 * scale, buckets.len() as u32), range));
            });
            let mut table = Table::new(&weights, scale, bias);
            table.score(b"something before, so that there are marks");
            let found = table.score(value.as_bytes());
            let best = plain.iter().map(|(score, _)| *score).fold(f32::MIN, f32::max);
            prop_assert_eq!(found.best.score, best);
            prop_assert_eq!(found.windows as usize, plain.len());
            prop_assert!(plain.contains(&(best, found.best.range.clone())));
        }
    }

    #[test]
    fn marks_run_out_without_harm() {
        let mut table = Table::new(&weights(), 0.001, 0.0);
        let first = table.score(b"select 1");
        for _ in 0..70_000 {
            table.score(b"x");
        }
        assert_eq!(table.score(b"select 1"), first);
        assert_eq!(table.score(&vec![b'a'; 4 << 20]).windows as usize, (4 << 20) / BLOCK_BYTES);
    }
}
