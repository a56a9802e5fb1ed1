//! Which of many literals are in a value, in one pass.
//!
//! Each literal is looked for by four of its bytes, the rarest (two of them, where it is shorter). A small
//! table of bits says which fours are looked up in a larger one; in ordinary values few are. The tables stay
//! in the processor's nearest cache, which an automaton for thousands of literals does not.

use super::ByteSet;
use super::clause::{literal_frequency, rarest};

/// A literal of two bytes or more, in lower case, and the bits that it sets.
#[derive(Clone, Debug)]
pub(super) struct Literal {
    pub(super) text: Box<[u8]>,
    pub(super) bits: Vec<u16>,
}

/// Literals to look for.
#[derive(Debug)]
pub(super) struct Literals {
    fours: Table,
    pairs: Table,
    /// A value that has none of these bytes has no short literal.
    pub(super) short_bytes: ByteSet,
    /// The same as a table.
    is_short: Box<[bool; 256]>,
}

impl Literals {
    pub(super) fn new(literals: Vec<Literal>) -> Self {
        let (long, short): (Vec<_>, Vec<_>) =
            literals.into_iter().partition(|literal| literal.text.len() >= 4);
        let pairs = Table::new(short, 2);
        let keys = pairs.entries.iter().map(|entry| rarest(entry.part(2)));
        let short_bytes = keys.collect::<ByteSet>().without_case();
        let is_short = Box::new(std::array::from_fn(|byte| short_bytes.contains(byte as u8)));
        Self { fours: Table::new(long, 4), pairs, short_bytes, is_short }
    }

    /// Sets the bits of every literal of four bytes or more that is in the value.
    pub(super) fn scan(&self, value: &[u8], found: &mut [u64]) {
        for begin in (0..value.len()).step_by(PART_WINDOWS) {
            let part = &value[begin..value.len().min(begin + PART_WINDOWS + 3)];
            // First a bit for each place where a part of a literal may lie, the first place's highest: found
            // without a branch, which a processor could not foresee.
            let windows = part.array_windows().map(|four| u32::from_le_bytes(*four) | CASES);
            let mut hits = windows.fold(0, |hits, key| hits << 1 | self.fours.bit(key));
            while hits != 0 {
                let last = hits.trailing_zeros() as usize;
                hits &= hits - 1;
                if let Some(four) = part[..part.len() - last].last_chunk() {
                    let key = u32::from_le_bytes(*four) | CASES;
                    self.fours.find(key, value, begin + part.len() - last, found);
                }
            }
        }
    }

    /// Sets the bits of every shorter literal that is in the value. Only pairs with one of the bytes that
    /// such literals cannot be without are looked up: few bytes of a value are.
    pub(super) fn scan_short(&self, value: &[u8], found: &mut [u64]) {
        let is_short = |byte: u8| self.is_short[usize::from(byte)];
        let mut before = value.first().is_some_and(|byte| is_short(*byte));
        for (at, pair) in value.windows(2).enumerate() {
            let here = is_short(pair[1]);
            if std::mem::replace(&mut before, here) || here {
                let key = u32::from(pair[0] | CASE) | u32::from(pair[1] | CASE) << 8;
                if self.pairs.bit(key) != 0 {
                    self.pairs.find(key, value, at + 2, found);
                }
            }
        }
    }
}

/// Literals by the hash of a part of them.
#[derive(Debug)]
struct Table {
    /// One bit for each hash that a literal has.
    filter: Box<[u64; FILTER_WORDS]>,
    /// For each slot, where its entries begin in `entries`; one more at the end.
    slots: Box<[u32]>,
    slot_shift: u32,
    /// The key of each entry.
    keys: Box<[u32]>,
    entries: Box<[Entry]>,
}

#[derive(Debug)]
struct Entry {
    /// Where in the literal the part ends that was hashed.
    part_end: usize,
    literal: Literal,
}

impl Table {
    fn new(literals: Vec<Literal>, part_bytes: usize) -> Self {
        let count = literals.len().max(2).next_power_of_two();
        let slot_shift = 32 - count.ilog2();
        let mut filter = Box::new([0; FILTER_WORDS]);
        let mut keyed: Vec<_> = literals.into_iter().map(|literal| key(literal, part_bytes)).collect();
        keyed.sort_by_key(|(key, _)| hash(*key) >> slot_shift);
        let mut slots = vec![0_u32; count + 1];
        for (key, _) in &keyed {
            let (word, bit) = filter_place(*key);
            filter[word] |= 1 << bit;
            slots[(hash(*key) >> slot_shift) as usize + 1] += 1;
        }
        let mut begin = 0;
        for slot in &mut slots {
            begin += *slot;
            *slot = begin;
        }
        let (keys, entries): (Vec<_>, Vec<_>) = keyed.into_iter().unzip();
        Self { filter, slots: slots.into(), slot_shift, keys: keys.into(), entries: entries.into() }
    }

    /// 1 where a literal may have this part; seldom, when none has.
    #[inline]
    fn bit(&self, key: u32) -> u64 {
        let (word, bit) = filter_place(key);
        self.filter[word] >> bit & 1
    }

    /// Sets the bits of the literals of which `key`, which ends before `end`, is the part.
    #[cold]
    fn find(&self, key: u32, value: &[u8], end: usize, found: &mut [u64]) {
        let slot = (hash(key) >> self.slot_shift) as usize;
        let range = match self.slots.get(slot..=slot + 1) {
            Some([begin, end]) => *begin as usize..*end as usize,
            _ => return,
        };
        for at in range.filter(|at| self.keys[*at] == key) {
            let entry = &self.entries[at];
            if entry.ends_at(value, end) {
                for bit in &entry.literal.bits {
                    found[usize::from(*bit) / 64] |= 1 << (bit % 64);
                }
            }
        }
    }
}

impl Entry {
    /// What was hashed.
    fn part(&self, bytes: usize) -> &[u8] {
        &self.literal.text[self.part_end - bytes..self.part_end]
    }

    fn ends_at(&self, value: &[u8], end: usize) -> bool {
        let text = &self.literal.text;
        let place = end.checked_sub(self.part_end).and_then(|begin| value.get(begin..begin + text.len()));
        place.is_some_and(|place| place.eq_ignore_ascii_case(text))
    }
}

/// The rarest part of a literal, by which it is looked for.
fn key(literal: Literal, part_bytes: usize) -> (u32, Entry) {
    let parts = literal.text.windows(part_bytes).enumerate();
    let rarest = parts.min_by(|(_, a), (_, b)| literal_frequency(a).total_cmp(&literal_frequency(b)));
    let (offset, part) = rarest.unwrap_or_default();
    let key = part.iter().rev().fold(0, |key, byte| key << 8 | u32::from(byte | CASE));
    (key, Entry { part_end: offset + part_bytes, literal })
}

/// The word and the bit of a filter that a key has.
#[inline]
fn filter_place(key: u32) -> (usize, u32) {
    let at = hash(key) >> (32 - FILTER_BITS.ilog2());
    (at as usize / 64, at % 64)
}

/// Spreads the key over the upper bits.
#[inline]
fn hash(key: u32) -> u32 {
    key.wrapping_mul(0x9E37_79B1)
}

/// The bit in which the cases of a letter differ; keys have it set everywhere.
const CASE: u8 = 0x20;
/// The same in each byte of a key.
const CASES: u32 = u32::from_le_bytes([CASE; 4]);
/// Places in a value that are looked at before what was found is looked up.
const PART_WINDOWS: usize = 64;
/// Bits of a filter: with the literals of all of CRS one byte in 16 is looked up for nothing, and it stays in
/// the processor's nearest cache.
const FILTER_BITS: usize = 1 << 17;
const FILTER_WORDS: usize = FILTER_BITS / 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(
            texts in prop::collection::btree_set("[ab@<%]{2,7}", 0..40),
            value in "[abAB@`<|%]{0,200}",
        ) {
            let literals = texts.iter().zip(0..).map(|(text, bit)| Literal { text: text.as_bytes().into(), bits: vec![bit] });
            let mut found = [0; 1];
            let literals = Literals::new(literals.collect());
            literals.scan(value.as_bytes(), &mut found);
            literals.scan_short(value.as_bytes(), &mut found);
            for (bit, text) in texts.iter().enumerate() {
                prop_assert_eq!(found[0] >> bit & 1 == 1, value.to_lowercase().contains(text), "{}", text);
            }
        }
    }
}
