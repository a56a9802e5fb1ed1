//! Which of many literals are in a value, in one pass.
//!
//! Each literal is looked for by four of its bytes, the rarest; shorter ones by two ([`Pairs`]). A small table
//! of bits says which fours are looked up in a larger one; in ordinary values few are. The tables stay in the
//! processor's nearest cache, which an automaton for thousands of literals does not.

use std::collections::BTreeMap;

use super::ByteSet;
use super::clause::literal_frequency;
use super::pairs::Pairs;

/// A literal of two bytes or more, in lower case, and the bits that it sets.
#[derive(Clone, Debug)]
pub(super) struct Literal {
    pub(super) text: Box<[u8]>,
    pub(super) bits: Vec<u16>,
}

/// Literals to look for, but for those of two bytes that [`Pairs`] has.
#[derive(Debug)]
pub(super) struct Literals {
    fours: Table,
    /// How far apart the places are that are looked at for fours: each literal is there by as many of its
    /// parts, one after the other.
    step: usize,
    /// The bytes of each of them, in both cases, where they are few.
    bytes_of_fours: Option<Box<[ByteSet]>>,
    threes: Table,
    /// Literals of two bytes for which [`Pairs`] has no room.
    twos: Table,
}

impl Literals {
    pub(super) fn new(literals: Vec<Literal>) -> (Pairs, Self) {
        let (long, short): (Vec<_>, Vec<_>) =
            literals.into_iter().partition(|literal| literal.text.len() >= 4);
        let (twos, threes): (Vec<_>, Vec<_>) = short.into_iter().partition(|literal| literal.text.len() == 2);
        let parts = threes.iter().filter_map(|literal| rarest_part(&literal.text, 2).1.first_chunk());
        let (pairs, twos) = Pairs::new(&twos, &parts.copied().collect::<Vec<_>>());
        (pairs, Self::of(&long, &threes, &twos))
    }

    fn of(long: &[Literal], threes: &[Literal], twos: &[Literal]) -> Self {
        let (threes, twos) = (Table::new(threes, 3, 1), Table::new(twos, 2, 1));
        let shortest = long.iter().map(|literal| literal.text.len()).min().unwrap_or(0);
        let step = shortest.saturating_sub(3).clamp(1, STEP_MAX);
        let bytes = |literal: &Literal| literal.text.iter().copied().collect::<ByteSet>().without_case();
        let bytes_of_fours = (long.len() <= FEW).then(|| long.iter().map(bytes).collect());
        Self { fours: Table::new(long, 4, step), step, bytes_of_fours, threes, twos }
    }

    /// The same for some of the bits.
    pub(super) fn only(&self, wanted: impl Fn(u16) -> bool) -> Self {
        let [long, threes, twos] = [&self.fours, &self.threes, &self.twos].map(|it| it.literals(&wanted));
        Self::of(&long, &threes, &twos)
    }

    /// Whether there are literals that [`Literals::scan_others`] looks for.
    pub(super) fn has_others(&self) -> bool {
        !self.threes.entries.is_empty() || !self.twos.entries.is_empty()
    }

    /// Sets the bits of every literal of four bytes or more that is in the value, which has the bytes in `seen`.
    pub(super) fn scan(&self, value: &[u8], seen: ByteSet, found: &mut [u64]) {
        let seen = seen.without_case();
        let is_there = |bytes: &ByteSet| bytes.without(seen).is_empty();
        if self.bytes_of_fours.as_ref().is_some_and(|all| !all.iter().any(is_there)) {
            return;
        }
        match self.step {
            1 => self.fours.scan::<4, 1, BLOCK_BYTES>(value, found),
            2 => self.fours.scan::<4, 2, { 2 * BLOCK_BYTES }>(value, found),
            _ => self.fours.scan::<4, STEP_MAX, { STEP_MAX * BLOCK_BYTES }>(value, found),
        }
    }

    /// Sets the bits of every other literal that is in the value but those of [`Literals::pairs`].
    pub(super) fn scan_others(&self, value: &[u8], found: &mut [u64]) {
        self.threes.scan::<3, 1, BLOCK_BYTES>(value, found);
        self.twos.scan::<2, 1, BLOCK_BYTES>(value, found);
    }
}

/// Literals by the hash of a part of them.
#[derive(Debug)]
struct Table {
    filter: Filter,
    /// For each slot, where its entries begin in `entries`; one more at the end.
    slots: Box<[u32]>,
    slot_shift: u32,
    /// The key of each entry.
    keys: Box<[u32]>,
    entries: Box<[Entry]>,
}

/// Which hashes parts of literals have.
#[derive(Debug)]
enum Filter {
    Empty,
    Small(Box<ByteFilter>),
    Large(Box<BitFilter>),
}

/// A byte for each: the fastest to ask, and as large.
type ByteFilter = [u8; 1 << BYTE_FILTER_BITS];
/// A bit for each.
type BitFilter = [u64; 1 << (BIT_FILTER_BITS - 6)];

/// What tells whether a literal may have a part with this hash; seldom, when none has.
trait Bits {
    /// 1 or 0.
    fn bit(&self, hash: u32) -> u64;
}

#[derive(Debug)]
struct Entry {
    /// Where in the literal the part ends that was hashed.
    part_end: usize,
    literal: Literal,
}

impl Table {
    /// Literals that are looked for by `parts` parts of so many bytes.
    fn new(literals: &[Literal], part_bytes: usize, parts: usize) -> Self {
        let mut keyed: Vec<_> =
            literals.iter().flat_map(|literal| keys(literal, part_bytes, parts)).collect();
        let count = keyed.len().max(2).next_power_of_two();
        let slot_shift = 32 - count.ilog2();
        keyed.sort_by_key(|(key, _)| hash(*key) >> slot_shift);
        let mut slots = vec![0_u32; count + 1];
        for (key, _) in &keyed {
            slots[(hash(*key) >> slot_shift) as usize + 1] += 1;
        }
        let mut begin = 0;
        for slot in &mut slots {
            begin += *slot;
            *slot = begin;
        }
        let (keys, entries): (Vec<_>, Vec<_>) = keyed.into_iter().unzip();
        let filter = Filter::new(&keys);
        Self { filter, slots: slots.into(), slot_shift, keys: keys.into(), entries: entries.into() }
    }

    /// The literals that set some of the bits, these alone.
    fn literals(&self, wanted: impl Fn(u16) -> bool) -> Vec<Literal> {
        let mut found: BTreeMap<&[u8], Vec<u16>> = BTreeMap::new();
        for Entry { literal, .. } in &self.entries {
            let bits: Vec<_> = literal.bits.iter().copied().filter(|bit| wanted(*bit)).collect();
            if !bits.is_empty() {
                found.insert(&literal.text, bits);
            }
        }
        found.into_iter().map(|(text, bits)| Literal { text: text.into(), bits }).collect()
    }

    /// Sets the bits of every literal in the value that has a part of so many bytes at one of the places that
    /// are so far apart, which are looked at in blocks ([`hits`]).
    fn scan<const BYTES: usize, const STEP: usize, const BLOCK: usize>(
        &self,
        value: &[u8],
        found: &mut [u64],
    ) {
        match &self.filter {
            Filter::Empty => {}
            Filter::Small(filter) => self.scan_with::<BYTES, STEP, BLOCK>(value, &**filter, found),
            Filter::Large(filter) => self.scan_with::<BYTES, STEP, BLOCK>(value, &**filter, found),
        }
    }

    fn scan_with<const BYTES: usize, const STEP: usize, const BLOCK: usize>(
        &self,
        value: &[u8],
        filter: &impl Bits,
        found: &mut [u64],
    ) {
        let end = (value.len() + 1).saturating_sub(BYTES);
        for begin in (0..end).step_by(PLACES * STEP) {
            let places = (end - begin).div_ceil(STEP).min(PLACES);
            let mut hits = match value[begin..].first_chunk() {
                Some(block) => hits::<BYTES, STEP, BLOCK>(block, places, filter),
                None => hits::<BYTES, STEP, BLOCK>(&filled(&value[begin..]), places, filter),
            };
            while hits != 0 {
                let nth = hits.leading_zeros();
                hits &= !(FIRST_PLACE >> nth);
                let place = begin + STEP * nth as usize;
                if let Some(part) = value.get(place..place + BYTES) {
                    self.find(key(part), value, place + BYTES, found);
                }
            }
        }
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
            let bits = entry.literal.bits.iter().map(|bit| (usize::from(*bit) / 64, 1 << (bit % 64)));
            // A text that holds a word often holds it more than once.
            let is_new = bits.clone().any(|(word, bit)| found[word] & bit == 0);
            if is_new && entry.ends_at(value, end) {
                bits.for_each(|(word, bit)| found[word] |= bit);
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

impl Filter {
    fn new(keys: &[u32]) -> Self {
        let hashes = keys.iter().map(|key| hash(*key));
        if keys.is_empty() {
            return Self::Empty;
        }
        if keys.len() <= SMALL_KEYS_MAX {
            let mut filter: Box<ByteFilter> = Box::new([0; _]);
            hashes.for_each(|hash| filter[byte_place(hash)] = 1);
            return Self::Small(filter);
        }
        let mut filter: Box<BitFilter> = Box::new([0; _]);
        for (word, bit) in hashes.map(bit_place) {
            filter[word] |= 1 << bit;
        }
        Self::Large(filter)
    }
}

impl Bits for ByteFilter {
    #[inline(always)]
    fn bit(&self, hash: u32) -> u64 {
        u64::from(self[byte_place(hash)])
    }
}

impl Bits for BitFilter {
    #[inline(always)]
    fn bit(&self, hash: u32) -> u64 {
        let (word, bit) = bit_place(hash);
        self[word] >> bit & 1
    }
}

#[inline(always)]
fn byte_place(hash: u32) -> usize {
    (hash >> (32 - BYTE_FILTER_BITS)) as usize
}

/// The word, and the bit of it.
#[inline(always)]
fn bit_place(hash: u32) -> (usize, u32) {
    let place = hash >> (32 - BIT_FILTER_BITS);
    (place as usize / 64, place % 64)
}

/// A bit for each of the first `places` of a block where a part of a literal may lie, the first place's highest. Found
/// without a branch for each, which a processor could not foresee, and with one load for the keys of several.
#[inline(always)]
fn hits<const BYTES: usize, const STEP: usize, const BLOCK: usize>(
    block: &[u8; BLOCK],
    places: usize,
    filter: &impl Bits,
) -> u64 {
    // Eight bytes have the parts of so many places.
    let of_word = if STEP == 1 { 4 } else { 2 };
    let words = places.div_ceil(of_word).min(PLACES / of_word);
    let mut hits = 0;
    for nth in 0..words {
        let at = nth * of_word * STEP;
        let word = block[at..at + size_of::<u64>()].first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
        // Of all keys at once.
        let word = word | u64::from(CASE) << 32 | u64::from(CASE);
        for nth in 0..of_word {
            hits = hits << 1 | filter.bit(hash(key_in::<BYTES>(word >> (8 * STEP * nth))));
        }
    }
    // Behind the last place there is no part.
    let behind = u64::MAX.checked_shr(places as u32).unwrap_or(0);
    (hits << (PLACES - (words * of_word).clamp(1, PLACES))) & !behind
}

/// A block that begins with the last bytes of a value, and has zeros behind them.
fn filled<const BLOCK: usize>(last: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block.iter_mut().zip(last).for_each(|(place, byte)| *place = *byte);
    block
}

/// The parts of a literal by which it is looked for, one after the other: the rarest.
fn keys(literal: &Literal, part_bytes: usize, parts: usize) -> impl Iterator<Item = (u32, Entry)> {
    let (begin, _) = rarest_part(&literal.text, part_bytes + parts - 1);
    (begin..begin + parts).filter_map(move |begin| {
        let part = literal.text.get(begin..begin + part_bytes)?;
        Some((key(part), Entry { part_end: begin + part_bytes, literal: literal.clone() }))
    })
}

/// The part of so many bytes that ordinary values have least, and where it begins.
fn rarest_part(text: &[u8], bytes: usize) -> (usize, &[u8]) {
    let parts = text.windows(bytes).enumerate();
    let rarest = parts.min_by(|(_, a), (_, b)| literal_frequency(a).total_cmp(&literal_frequency(b)));
    rarest.unwrap_or_default()
}

/// The key of up to four bytes.
#[inline(always)]
fn key(part: &[u8]) -> u32 {
    match *part {
        [a, b, c, d] => u32::from_le_bytes([a, b, c, d]) | CASE,
        [a, b, c] => u32::from_le_bytes([a, b, c, 0]) | CASE,
        [a, b] => u32::from_le_bytes([a, b, 0, 0]) | CASE,
        _ => CASE,
    }
}

/// The key of the first bytes of a word, as [`key`] has it.
#[inline(always)]
fn key_in<const BYTES: usize>(word: u64) -> u32 {
    let four = word as u32;
    let part = if BYTES < 4 { four & !(u32::MAX << (8 * BYTES)) } else { four };
    part | CASE
}

/// Spreads the key over the upper bits.
#[inline(always)]
fn hash(key: u32) -> u32 {
    key.wrapping_mul(0x9E37_79B1)
}

/// Literals of which each one's bytes are known (count).
const FEW: usize = 32;
/// The bit in which the cases of a letter differ; keys have it set everywhere.
const CASE: u32 = 0x2020_2020;
/// The most bytes that these are apart.
const STEP_MAX: usize = 3;
/// Places that are looked at together (count), a bit each.
const PLACES: usize = u64::BITS as usize;
const FIRST_PLACE: u64 = 1 << (PLACES - 1);
/// What they lie in where they are one byte apart, with what is read behind the last of them.
const BLOCK_BYTES: usize = PLACES + size_of::<u64>();
/// Bits of a hash that say where it is in a filter of bytes, and in one of bits.
const BYTE_FILTER_BITS: u32 = 13;
const BIT_FILTER_BITS: u32 = 17;
/// Keys for which a small filter does: one place in 16 is looked up for nothing. Of all of CRS there are so many
/// that it is one in 16 with a large one. Either stays in the processor's nearest cache.
const SMALL_KEYS_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(
            texts in prop_oneof![
                prop::collection::btree_set("[ab@<%]{3,7}", 0..40),
                prop::collection::btree_set("[ab@<%]{5,7}", 0..40),
                prop::collection::btree_set("[ab@<%]{6,9}", 0..40),
            ],
            value in "[abAB@`<|%]{0,300}",
        ) {
            let literals = texts.iter().zip(0..).map(|(text, bit)| Literal { text: text.as_bytes().into(), bits: vec![bit] });
            let mut found = [0; 1];
            let (_, literals) = Literals::new(literals.collect());
            literals.scan(value.as_bytes(), ByteSet::seen_in(value.as_bytes()), &mut found);
            literals.scan_others(value.as_bytes(), &mut found);
            for (bit, text) in texts.iter().enumerate() {
                prop_assert_eq!(found[0] >> bit & 1 == 1, value.to_lowercase().contains(text), "{}", text);
            }
        }
    }
}
