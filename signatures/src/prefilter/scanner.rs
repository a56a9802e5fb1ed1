//! Which clauses a value meets, in one pass.

use std::collections::{BTreeMap, BTreeSet};

use super::literals::{Literal, Literals};
use super::pairs::Groups;
use super::{ByteSet, Clause};

/// Clauses to be scanned for, each once.
#[derive(Debug, Default)]
pub(crate) struct ScannerBuilder {
    clauses: BTreeMap<Clause, ClauseId>,
    /// How little is lost without each clause: the least place at which it was added.
    places: Vec<usize>,
}

/// A clause that was given to a [`ScannerBuilder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClauseId(u32);

/// Scans values for clauses. What a value meets are bits: of each clause that [`Scanner::bit`] gives one.
#[derive(Debug)]
pub(crate) struct Scanner {
    bits: Vec<Option<u16>>,
    words: usize,
    by_byte: Box<[OfByte; 256]>,
    literals: Literals,
}

/// What is known of a byte: a line of the processor's cache.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct OfByte {
    /// The bits of the clauses that it meets.
    met: [u64; BYTE_WORDS],
    /// The groups of which it begins a pair.
    begins: Groups,
    /// The groups of which it ends a pair.
    ends: Groups,
}

impl ScannerBuilder {
    /// The ids of clauses that one value must all meet, the same for the same clause. Where there is no room for
    /// all that are added, the last ones of such lists are left out first.
    pub(crate) fn add_all(&mut self, clauses: &[Clause]) -> Vec<ClauseId> {
        clauses.iter().enumerate().map(|(place, clause)| self.add(clause, place)).collect()
    }

    fn add(&mut self, clause: &Clause, place: usize) -> ClauseId {
        if let Some(id) = self.clauses.get(clause) {
            let before = &mut self.places[id.0 as usize];
            *before = place.min(*before);
            return *id;
        }
        let id = ClauseId(self.clauses.len() as u32);
        self.clauses.insert(clause.clone(), id);
        self.places.push(place);
        id
    }

    /// The id of a set of bytes.
    pub(crate) fn add_bytes(&mut self, bytes: ByteSet) -> ClauseId {
        self.add(&Clause { bytes, ..Clause::default() }, 0)
    }

    /// Whether these are so few, with so few literals, that a scanner for them is worth having beside the
    /// one for all.
    pub(crate) fn is_small(&self, wanted: &BTreeSet<ClauseId>) -> bool {
        let few = self.clauses.iter().filter(|(_, id)| wanted.contains(*id));
        let literals: usize = few.map(|(clause, _)| clause.literals.len()).sum();
        wanted.len() <= BYTE_WORDS * 64 && literals <= SMALL_LITERALS_MAX
    }

    /// The scanner for those clauses that are `wanted`.
    pub(crate) fn build(&self, wanted: impl Fn(ClauseId) -> bool) -> Scanner {
        // Clauses with bytes come first: for these a byte is looked up in a table that has room for so many.
        let mut clauses: Vec<_> = self.clauses.iter().filter(|(_, id)| wanted(**id)).collect();
        clauses.sort_by_key(|(clause, id)| (clause.bytes.is_empty(), self.places[id.0 as usize], **id));
        let with_bytes = clauses.partition_point(|(clause, _)| !clause.bytes.is_empty());
        if with_bytes > BYTE_WORDS * 64 {
            clauses.drain(BYTE_WORDS * 64..with_bytes);
        }
        clauses.truncate(usize::from(u16::MAX));

        let mut bits = vec![None; self.clauses.len()];
        let mut by_byte = Box::new([OfByte::default(); 256]);
        let mut literals: BTreeMap<&[u8], Vec<u16>> = BTreeMap::new();
        for (bit, (clause, id)) in (0_u16..).zip(&clauses) {
            bits[id.0 as usize] = Some(bit);
            for byte in clause.bytes.iter() {
                by_byte[usize::from(byte)].met[usize::from(bit) / 64] |= 1 << (bit % 64);
            }
            clause.literals.iter().for_each(|literal| literals.entry(literal).or_default().push(bit));
        }
        let literals = literals.into_iter().map(|(text, bits)| Literal { text: text.into(), bits });
        let literals = Literals::new(literals.collect());
        for (byte, of_byte) in (0..=u8::MAX).zip(by_byte.iter_mut()) {
            (of_byte.begins, of_byte.ends) = literals.pairs.of_byte(byte);
        }
        let words = clauses.len().div_ceil(64).max(BYTE_WORDS);
        Scanner { bits, words, by_byte, literals }
    }
}

impl Default for Scanner {
    fn default() -> Self {
        ScannerBuilder::default().build(|_| true)
    }
}

impl Scanner {
    /// The bit that says whether a value meets the clause; `None` for clauses beyond what a scan can tell.
    pub(crate) fn bit(&self, clause: ClauseId) -> Option<u16> {
        self.bits.get(clause.0 as usize).copied().flatten()
    }

    /// How many words the bits of one value take.
    pub(crate) fn words(&self) -> usize {
        self.words
    }

    /// Sets the bits of all clauses that the value meets; `met` is [`Scanner::words`] long, and zero.
    pub(crate) fn scan(&self, value: &[u8], met: &mut [u64]) {
        let (by_byte, pairs) = self.scan_bytes(value);
        met.iter_mut().zip(by_byte).for_each(|(word, bytes)| *word |= bytes);
        self.literals.scan(value, met);
        if self.literals.pairs.tell(pairs, met) {
            self.literals.scan_others(value, met);
        }
    }

    /// The bits of the clauses that the value meets by one of its bytes, and the pairs that it has.
    fn scan_bytes(&self, value: &[u8]) -> ([u64; BYTE_WORDS], Groups) {
        let (mut met, mut pairs) = ([0; BYTE_WORDS], Groups::default());
        let mut begun = Groups::default();
        for byte in value {
            let of_byte = &self.by_byte[usize::from(*byte)];
            let [a, b, c, d] = of_byte.met;
            met = [met[0] | a, met[1] | b, met[2] | c, met[3] | d];
            pairs = [pairs[0] | begun[0] & of_byte.ends[0], pairs[1] | begun[1] & of_byte.ends[1]];
            begun = of_byte.begins;
        }
        (met, pairs)
    }
}

/// Literals that a scanner is small with.
const SMALL_LITERALS_MAX: usize = 512;
/// Words of bits for clauses that one byte can meet.
const BYTE_WORDS: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clause() -> impl Strategy<Value = Clause> {
        let texts = prop::collection::vec("[ab<%xyz]{1,5}", 1..4);
        texts.prop_filter_map("empty", |texts| Clause::literals(texts.iter().map(String::as_bytes)))
    }

    proptest! {
        #[test]
        fn says_what_each_clause_says(
            clauses in prop::collection::vec(clause(), 1..300),
            value in "[abxyzABXYZ<%]{0,30}",
        ) {
            let mut builder = ScannerBuilder::default();
            let ids = builder.add_all(&clauses);
            let scanner = builder.build(|_| true);
            let mut met = vec![0; scanner.words()];
            scanner.scan(value.as_bytes(), &mut met);
            let lower = value.to_lowercase();
            for (clause, id) in clauses.iter().zip(ids) {
                let Some(bit) = scanner.bit(id) else { continue };
                let is_met = value.bytes().any(|byte| clause.bytes.contains(byte))
                    || clause.literals.iter().any(|it| lower.contains(std::str::from_utf8(it).unwrap()));
                prop_assert_eq!(met[usize::from(bit) / 64] >> (bit % 64) & 1 == 1, is_met, "{:?}", clause);
            }
        }
    }
}
