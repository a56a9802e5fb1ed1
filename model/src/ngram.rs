//! Stage 1: which n-grams of one to four bytes a window of a value has.
//!
//! A normalised value is cut into blocks of [`BLOCK_BYTES`]; two neighbours are a window, so that windows
//! overlap by half. Each distinct n-gram is hashed to one of [`BUCKETS`] weights; a window's score is
//! `bias + sum(weights) / sqrt(count + 48)`, and a value's the highest of its windows. The square root
//! keeps long windows from outweighing short ones, and the constant keeps tiny values from extremes.

use std::ops::Range;

use crate::normal::Normaliser;
use crate::run::{RUNS_MAX, Run};
pub use crate::table::Table;

/// Weights (count): two bytes of hash.
pub const BUCKETS: usize = 1 << 16;
/// Normalised bytes of a block; a window has twice as many.
pub const BLOCK_BYTES: usize = 48;
/// Bytes of the longest n-grams.
pub(crate) const GRAM_BYTES: usize = 4;
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

    /// How many bytes must come before n-grams of all lengths end with the next.
    pub(crate) fn missing(&self) -> usize {
        (GRAM_BYTES - 1).saturating_sub(usize::from(self.seen))
    }

    /// [`Rolling::push`] when none are missing.
    #[inline]
    pub(crate) fn push_full(&mut self, byte: u8) -> [usize; GRAM_BYTES] {
        self.last_four = self.last_four << 8 | u32::from(byte);
        let gram = self.last_four;
        let single = usize::from(SINGLES[usize::from(byte)]);
        [single, hash(gram & 0xffff, 2), hash(gram & 0xff_ffff, 3), hash(gram, 4)]
    }
}

/// The buckets of the n-grams of one byte.
const SINGLES: [u16; 256] = {
    let mut singles = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        singles[byte] = hash(byte as u32, 1) as u16;
        byte += 1;
    }
    singles
};

/// Fibonacci hashing of the n-gram with its length.
#[inline]
const fn hash(gram: u32, length: u64) -> usize {
    let key = gram as u64 | length << 32;
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize
}

/// A window of a value.
#[derive(Clone, Debug, Default, PartialEq)]
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
    /// The runs of bytes that speak most for an attack, the strongest first; none in a value that is shorter
    /// than two windows.
    pub runs: [Option<Run>; RUNS_MAX],
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
