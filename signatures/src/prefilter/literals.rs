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
}

impl Literals {
    pub(super) fn new(literals: Vec<Literal>) -> Self {
        let (long, short): (Vec<_>, Vec<_>) =
            literals.into_iter().partition(|literal| literal.text.len() >= 4);
        let short_bytes: ByteSet = short.iter().map(|literal| rarest(&literal.text)).collect();
        Self {
            fours: Table::new(long, 4),
            pairs: Table::new(short, 2),
            short_bytes: short_bytes.without_case(),
        }
    }

    /// Sets the bits of every literal of four bytes or more that is in the value, and calls `each` with each
    /// byte of it.
    #[inline]
    pub(super) fn scan(&self, value: &[u8], found: &mut [u64], mut each: impl FnMut(u8)) {
        let mut key = 0;
        for (at, byte) in value.iter().enumerate() {
            each(*byte);
            key = key >> 8 | u32::from(byte | CASE) << 24;
            if self.fours.may_have(key) {
                self.fours.find(key, value, at + 1, found);
            }
        }
    }

    /// Sets the bits of every shorter literal that is in the value.
    pub(super) fn scan_short(&self, value: &[u8], found: &mut [u64]) {
        let mut key = 0;
        for (at, byte) in value.iter().enumerate() {
            key = key >> 8 | u32::from(byte | CASE) << 8;
            if self.pairs.may_have(key) {
                self.pairs.find(key, value, at + 1, found);
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
    entries: Box<[Entry]>,
}

#[derive(Debug)]
struct Entry {
    key: u32,
    /// Where in the literal the part ends that was hashed.
    part_end: usize,
    literal: Literal,
}

impl Table {
    fn new(literals: Vec<Literal>, part_bytes: usize) -> Self {
        let count = literals.len().max(2).next_power_of_two();
        let slot_shift = 32 - count.ilog2();
        let mut filter = Box::new([0_u64; FILTER_WORDS]);
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
        let entries = keyed.into_iter().map(|(_, entry)| entry).collect();
        Self { filter, slots: slots.into(), slot_shift, entries }
    }

    /// Whether a literal may have this part; seldom, when none has.
    #[inline]
    fn may_have(&self, key: u32) -> bool {
        let (word, bit) = filter_place(key);
        self.filter[word] >> bit & 1 == 1
    }

    /// Sets the bits of the literals of which `key`, which ends before `end`, is the part.
    #[cold]
    fn find(&self, key: u32, value: &[u8], end: usize, found: &mut [u64]) {
        let slot = (hash(key) >> self.slot_shift) as usize;
        let range = match self.slots.get(slot..=slot + 1) {
            Some([begin, end]) => *begin as usize..*end as usize,
            _ => return,
        };
        for entry in self.entries.get(range).unwrap_or_default() {
            if entry.key == key && entry.ends_at(value, end) {
                for bit in &entry.literal.bits {
                    found[usize::from(*bit) / 64] |= 1 << (bit % 64);
                }
            }
        }
    }
}

impl Entry {
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
    (key, Entry { key, part_end: offset + part_bytes, literal })
}

/// Spreads the key over the upper bits.
#[inline]
fn hash(key: u32) -> u32 {
    key.wrapping_mul(0x9E37_79B1)
}

/// The word and the bit that a key has in a filter.
#[inline]
fn filter_place(key: u32) -> (usize, u32) {
    let at = hash(key) >> (32 - FILTER_BITS.ilog2());
    ((at / 64) as usize, at % 64)
}

/// The bit in which the cases of a letter differ; keys have it set everywhere.
const CASE: u8 = 0x20;
/// Bits of a filter: 16 KiB, which a processor keeps at hand.
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
            value in "[abAB@`<|%]{0,40}",
        ) {
            let literals = texts.iter().zip(0..).map(|(text, bit)| Literal { text: text.as_bytes().into(), bits: vec![bit] });
            let mut found = [0; 1];
            let literals = Literals::new(literals.collect());
            literals.scan(value.as_bytes(), &mut found, |_| {});
            literals.scan_short(value.as_bytes(), &mut found);
            for (bit, text) in texts.iter().enumerate() {
                prop_assert_eq!(found[0] >> bit & 1 == 1, value.to_lowercase().contains(text), "{}", text);
            }
        }
    }
}
