//! The weights of stage 1 at work: which n-grams a window has, each counted once.
//!
//! A value is taken a block at a time, and a block in three passes without a branch that depends on its bytes:
//! normalise it, look its n-grams up, sum up what was new. What a processor cannot predict it computes, and
//! look-ups that do not wait for each other are under way together.

use crate::ngram::{BLOCK_BYTES, BUCKETS, GRAM_BYTES, Rolling, Stage1, Window, damped};
use crate::normal::{DENSE_BYTES, Normaliser};
use crate::run::{RUNS_MAX, Run, Runs};

/// Weights with room for marks: each entry is a weight and the number of the last block that had it, in
/// one word, so that looking up one n-gram touches one cache line.
#[derive(Clone, Debug)]
pub struct Table {
    entries: Box<[Entry; BUCKETS]>,
    block: u16,
    scale: f32,
    bias: f32,
    text: Text,
    grams: Grams,
}

/// The weight in the upper half, the mark in the lower.
#[derive(Clone, Copy, Debug, Default)]
struct Entry(u32);

impl Entry {
    fn new(weight: i16, mark: u16) -> Self {
        Self(u32::from(weight as u16) << 16 | u32::from(mark))
    }

    fn weight(self) -> i16 {
        (self.0 >> 16) as i16
    }

    fn mark(self) -> u16 {
        self.0 as u16
    }
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
            *entry = Entry::new(*weight, 0);
        }
        Self { entries, block: 0, scale, bias, text: Text::default(), grams: Grams::default() }
    }

    /// The scores of a value's windows.
    pub fn score(&mut self, value: &[u8]) -> Stage1 {
        self.begin_value(value.len());
        let (mut normaliser, mut rolling) = (Normaliser::default(), Rolling::default());
        let (mut found, mut runs) = (Found::default(), Runs::new(self.scale));
        let (mut previous, mut at) = (None, 0);
        while at < value.len() {
            if at > 0 {
                self.next_block();
            }
            let mut block = Block { start: at, ..Block::default() };
            at = self.text.fill(value, at, &mut normaliser);
            block.end = at;
            self.look_up(&mut rolling);
            self.grams.add_to(&mut block, self.block);
            // A value of one window is looked at as a whole.
            if value.len() > 2 * BLOCK_BYTES {
                let added = self.grams.added();
                let skipped = runs.skip(added);
                runs.extend(&self.text.places()[skipped..], &added[skipped..]);
            }
            // Two blocks are a window, and a block that is alone.
            if previous.is_some() || at == value.len() {
                found.take(self.window(previous, block));
            }
            previous = Some(block);
        }
        if value.is_empty() {
            found.take(self.window(None, Block::default()));
        }
        found.finish(runs.finish())
    }

    /// The score of a few bytes as if they were one window.
    pub fn window_of(&mut self, bytes: &[u8]) -> f32 {
        self.begin_value(bytes.len());
        let (mut normaliser, mut rolling) = (Normaliser::default(), Rolling::default());
        let (mut block, mut at) = (Block::default(), 0);
        while at < bytes.len() {
            at = self.text.fill(bytes, at, &mut normaliser);
            self.look_up(&mut rolling);
            self.grams.add_to(&mut block, self.block);
        }
        damped(self.bias, block.sum as f32 * self.scale, block.count)
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
            let entry = &mut self.entries[usize::from(*bucket)];
            weights.push(entry.weight());
            *entry = Entry::new(0, entry.mark());
        }
        let result = with(self);
        // Backwards: the first of two that are the same has the weight.
        for (bucket, weight) in buckets.iter().zip(weights.iter()).rev() {
            let entry = &mut self.entries[usize::from(*bucket)];
            *entry = Entry::new(*weight, entry.mark());
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
        self.entries.iter_mut().for_each(|entry| *entry = Entry::new(entry.weight(), 0));
        self.block = 0;
    }

    /// Marks the n-grams that end in the text, and keeps what was there before.
    fn look_up(&mut self, rolling: &mut Rolling) {
        let Self { entries, block, text, grams, .. } = self;
        let block = *block;
        let mut mark = |bucket: usize| {
            let entry = &mut entries[bucket % BUCKETS];
            let found = *entry;
            *entry = Entry::new(found.weight(), block);
            found
        };
        // The first bytes of a value end fewer n-grams than others.
        let (first, rest) = text.bytes().split_at(rolling.missing().min(text.length));
        // What counts as seen, and so for nothing.
        let none = Entry::new(0, block);
        for (at, byte) in first.iter().enumerate() {
            let mut found = [none; GRAM_BYTES];
            let mut length = 0;
            rolling.push(*byte, |bucket| {
                found[length] = mark(bucket);
                length += 1;
            });
            grams.put(at, found);
        }
        let [ones, twos, threes, fours] = grams.entries.each_mut().map(|it| &mut it[first.len()..]);
        let places = ones.iter_mut().zip(twos).zip(threes).zip(fours);
        for (byte, (((one, two), three), four)) in rest.iter().zip(places) {
            [*one, *two, *three, *four] = rolling.push_full(*byte).map(&mut mark);
        }
        for at in text.length..text.length.next_multiple_of(LANES).min(BLOCK_BYTES) {
            grams.put(at, [none; GRAM_BYTES]);
        }
        grams.length = text.length;
    }

    fn window(&self, previous: Option<Block>, block: Block) -> Window {
        let first = previous.unwrap_or(Block { start: block.start, ..Block::default() });
        let sum = first.sum + block.sum - if previous.is_some() { block.shared_sum } else { 0 };
        let count = first.count + block.count - if previous.is_some() { block.shared_count } else { 0 };
        Window { range: first.start..block.end, score: damped(self.bias, sum as f32 * self.scale, count) }
    }
}

/// The normalised bytes of a block.
#[derive(Clone, Debug)]
struct Text {
    bytes: [u8; TEXT_ROOM],
    /// Where in the value they are.
    places: [usize; TEXT_ROOM],
    length: usize,
}

/// A power of two, so that no place needs a check.
const TEXT_ROOM: usize = BLOCK_BYTES.next_power_of_two();

impl Default for Text {
    fn default() -> Self {
        Self { bytes: [0; TEXT_ROOM], places: [0; TEXT_ROOM], length: 0 }
    }
}

impl Text {
    /// Takes bytes of a value from `at` on until there is no more room; where the next block begins.
    fn fill(&mut self, value: &[u8], at: usize, normaliser: &mut Normaliser) -> usize {
        let (mut at, mut length) = (at, 0);
        while length < BLOCK_BYTES && at < value.len() {
            // So many bytes fit in even if all of them count.
            let more = &value[at..value.len().min(at + BLOCK_BYTES - length)];
            if self.fill_dense(more, at, length, normaliser).is_some() {
                (at, length) = (at + DENSE_BYTES, length + DENSE_BYTES);
                continue;
            }
            let more = &more[..more.len().min(DENSE_BYTES)];
            for (byte, at) in more.iter().zip(at..) {
                let (normal, counts) = normaliser.step(*byte);
                self.bytes[length % TEXT_ROOM] = normal;
                self.places[length % TEXT_ROOM] = at;
                length += usize::from(counts);
            }
            at += more.len();
        }
        self.length = length;
        at + value[at..].iter().take_while(|byte| normaliser.drops(**byte)).count()
    }

    /// Takes a number of bytes at once if it can tell that they all count.
    #[inline]
    fn fill_dense(
        &mut self,
        more: &[u8],
        at: usize,
        length: usize,
        normaliser: &mut Normaliser,
    ) -> Option<()> {
        let bytes = self.bytes.get_mut(length..)?.first_chunk_mut()?;
        let places: &mut [usize; DENSE_BYTES] = self.places.get_mut(length..)?.first_chunk_mut()?;
        // Last of all that may fail: it takes what it says.
        *bytes = normaliser.dense(*more.first_chunk()?)?;
        places.iter_mut().zip(at..).for_each(|(place, at)| *place = at);
        Some(())
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn places(&self) -> &[usize] {
        &self.places[..self.length]
    }
}

/// Bytes whose n-grams are summed up together.
const LANES: usize = 8;

/// What the table said of the n-grams of a block, by their lengths and the bytes that they end with.
#[derive(Clone, Debug)]
struct Grams {
    entries: [[Entry; BLOCK_BYTES]; GRAM_BYTES],
    /// The weights that each byte adds to the window.
    added: [i32; BLOCK_BYTES],
    length: usize,
}

impl Default for Grams {
    fn default() -> Self {
        let entries = [[Entry::default(); BLOCK_BYTES]; GRAM_BYTES];
        Self { entries, added: [0; BLOCK_BYTES], length: 0 }
    }
}

impl Grams {
    #[inline]
    fn put(&mut self, at: usize, found: [Entry; GRAM_BYTES]) {
        for (entries, entry) in self.entries.iter_mut().zip(found) {
            entries[at] = entry;
        }
    }

    /// Sums up the weights of those that are new to a block with this mark.
    fn add_to(&mut self, block: &mut Block, mark: u16) {
        let length = self.length.next_multiple_of(LANES).min(BLOCK_BYTES);
        let entries = self.entries.each_ref().map(|entries| &entries[..length]);
        let sums = sum_up(entries, &mut self.added[..length], mark);
        block.sum += sums.fresh + sums.shared;
        block.count += GRAM_BYTES as u32 * length as u32 - sums.seen_count;
        block.shared_sum += sums.shared;
        block.shared_count += sums.shared_count;
    }

    fn added(&self) -> &[i32] {
        &self.added[..self.length]
    }
}

/// Sums over the n-grams of a block.
#[derive(Default)]
struct Sums {
    /// Weights of those that are new to the window.
    fresh: i32,
    /// Weights of those that the block before has too.
    shared: i32,
    shared_count: u32,
    /// Those that came before in the block itself (count).
    seen_count: u32,
}

/// Sums up n-grams, and what those add that end with each byte. Written so that a compiler makes it work on several
/// bytes at a time.
#[inline]
fn sum_up(entries: [&[Entry]; GRAM_BYTES], added: &mut [i32], mark: u16) -> Sums {
    let (mark, before) = (u32::from(mark), u32::from(mark) - 1);
    let [ones, twos, threes, fours] = entries;
    let grams = ones.iter().zip(twos).zip(threes).zip(fours);
    let mut sums = Sums::default();
    for ((((one, two), three), four), added) in grams.zip(added) {
        let mut fresh = 0;
        for entry in [one, two, three, four] {
            let (weight, found) = (entry.0 as i32 >> 16, entry.0 & 0xffff);
            let (is_seen, is_shared) = (found == mark, found == before);
            fresh += if is_seen | is_shared { 0 } else { weight };
            sums.shared += if is_shared { weight } else { 0 };
            sums.seen_count += u32::from(is_seen);
            sums.shared_count += u32::from(is_shared);
        }
        *added = fresh;
        sums.fresh += fresh;
    }
    sums
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

    fn finish(self, runs: [Option<Run>; RUNS_MAX]) -> Stage1 {
        let best = self.best.unwrap_or_default();
        let second = self.second.unwrap_or(best.score);
        Stage1 { second, mean: self.total / self.windows as f32, windows: self.windows, best, runs }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::ops::Range;

    use super::*;
    use crate::ngram::windows;

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
