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

    /// Sets the bits of every literal of four bytes or more that is in the value.
    pub(super) fn scan(&self, value: &[u8], found: &mut [u64]) {
        for (at, four) in value.windows(4).enumerate() {
            let key = four.try_into().map_or(0, u32::from_le_bytes);
            if self.fours.may_have(key) {
                self.fours.find(key, value, at, found);
            }
        }
    }

    /// Sets the bits of every shorter literal that is in the value.
    pub(super) fn scan_short(&self, value: &[u8], found: &mut [u64]) {
        for (at, pair) in value.windows(2).enumerate() {
            let key = pair.try_into().map_or(0, u16::from_le_bytes);
            if self.pairs.may_have(u32::from(key)) {
                self.pairs.find(u32::from(key), value, at, found);
            }
        }
    }
}

/// Literals by the hash of a part of them.
#[derive(Debug)]
struct Table {
    /// One bit for each hash that a literal has.
    filter: Box<[u64]>,
    filter_shift: u32,
    /// For each slot, where its entries begin in `entries`; one more at the end.
    slots: Box<[u32]>,
    slot_shift: u32,
    entries: Box<[Entry]>,
}

#[derive(Debug)]
struct Entry {
    key: u32,
    /// Where in the literal the part is that was hashed.
    offset: usize,
    literal: Literal,
}

impl Table {
    fn new(literals: Vec<Literal>, part_bytes: usize) -> Self {
        let count = literals.len().max(1).next_power_of_two();
        let filter_bits = (count * FILTER_BITS_EACH).clamp(FILTER_BITS_MIN, FILTER_BITS_MAX);
        let (filter_shift, slot_shift) = (32 - filter_bits.ilog2(), 32 - count.max(2).ilog2());
        let mut filter = vec![0_u64; filter_bits / 64];
        let mut keyed: Vec<_> = literals.into_iter().map(|literal| key(literal, part_bytes)).collect();
        keyed.sort_by_key(|(key, _)| hash(*key) >> slot_shift);
        let mut slots = vec![0_u32; count.max(2) + 1];
        for (key, _) in &keyed {
            let at = (hash(*key) >> filter_shift) as usize;
            filter[at / 64] |= 1 << (at % 64);
            slots[(hash(*key) >> slot_shift) as usize + 1] += 1;
        }
        let mut begin = 0;
        for slot in &mut slots {
            begin += *slot;
            *slot = begin;
        }
        let entries = keyed.into_iter().map(|(_, entry)| entry).collect();
        Self { filter: filter.into(), filter_shift, slots: slots.into(), slot_shift, entries }
    }

    /// Whether a literal may have this part; seldom, when none has.
    #[inline]
    fn may_have(&self, key: u32) -> bool {
        let at = (hash(key) >> self.filter_shift) as usize;
        self.filter.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// Sets the bits of the literals of which `key`, at `at`, is the part.
    #[cold]
    fn find(&self, key: u32, value: &[u8], at: usize, found: &mut [u64]) {
        let slot = (hash(key) >> self.slot_shift) as usize;
        let range = match self.slots.get(slot..=slot + 1) {
            Some([begin, end]) => *begin as usize..*end as usize,
            _ => return,
        };
        for entry in self.entries.get(range).unwrap_or_default() {
            if entry.key == without_case(key) && entry.is_at(value, at) {
                for bit in &entry.literal.bits {
                    found[usize::from(*bit) / 64] |= 1 << (bit % 64);
                }
            }
        }
    }
}

impl Entry {
    fn is_at(&self, value: &[u8], at: usize) -> bool {
        let text = &self.literal.text;
        let place = at.checked_sub(self.offset).and_then(|begin| value.get(begin..begin + text.len()));
        place.is_some_and(|place| place.eq_ignore_ascii_case(text))
    }
}

/// The rarest part of a literal, by which it is looked for.
fn key(literal: Literal, part_bytes: usize) -> (u32, Entry) {
    let parts = literal.text.windows(part_bytes).enumerate();
    let rarest = parts.min_by(|(_, a), (_, b)| literal_frequency(a).total_cmp(&literal_frequency(b)));
    let (offset, part) = rarest.unwrap_or_default();
    let key = without_case(part.iter().rev().fold(0, |key, byte| key << 8 | u32::from(*byte)));
    (key, Entry { key, offset, literal })
}

/// The same for both cases of a letter.
#[inline]
fn without_case(key: u32) -> u32 {
    key | 0x2020_2020
}

/// Spreads the key over the upper bits.
#[inline]
fn hash(key: u32) -> u32 {
    without_case(key).wrapping_mul(0x9E37_79B1)
}

/// Bits of the filter for each literal: one in so many parts of a value is looked up in vain.
const FILTER_BITS_EACH: usize = 32;
const FILTER_BITS_MIN: usize = 1 << 12;
/// 32 KiB, which a processor keeps at hand.
const FILTER_BITS_MAX: usize = 1 << 18;

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
            literals.scan(value.as_bytes(), &mut found);
            literals.scan_short(value.as_bytes(), &mut found);
            for (bit, text) in texts.iter().enumerate() {
                prop_assert_eq!(found[0] >> bit & 1 == 1, value.to_lowercase().contains(text), "{}", text);
            }
        }
    }
}
