//! Which clauses a value meets, in one pass.

use std::collections::{BTreeMap, BTreeSet};

use super::clause::literal_frequency;
use super::literals::{Literal, Literals};
use super::pairs::{Groups, Pairs};
use super::{ByteSet, Clause};

/// Clauses to be scanned for, each once.
#[derive(Debug, Default)]
pub(crate) struct ScannerBuilder {
    clauses: BTreeMap<Clause, ClauseId>,
    by_id: Vec<Clause>,
    /// All literals of clauses that are not [`Self::add_literals`].
    literals: BTreeSet<Box<[u8]>>,
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
    in_pairs: Box<[InPairs; 256]>,
    pairs: Pairs,
    /// Everything.
    whole: Wanted,
}

/// What is looked for in a value, of all that a scanner knows.
#[derive(Debug)]
pub(crate) struct Wanted {
    groups: Groups,
    literals: Literals,
}

/// What is known of a byte: the clauses that it meets, a bit each.
type OfByte = [u64; BYTE_WORDS];

/// The groups of which a byte begins a pair, and those of which it ends one: a line of the processor's cache.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct InPairs {
    begins: Groups,
    ends: Groups,
}

impl ScannerBuilder {
    /// The ids of clauses that one value must all meet, the same for the same clause. Where there is no room for
    /// all that are added, the last ones of such lists are left out first.
    pub(crate) fn add_all(&mut self, clauses: &[Clause]) -> Vec<ClauseId> {
        clauses.iter().enumerate().map(|(place, clause)| self.add(clause, place)).collect()
    }

    /// The id of the literals of a clause, without its bytes, or of others that a value with these has as well: those that
    /// clauses added before have, or that are rare. `None` where that would make scans slow.
    pub(crate) fn add_literals(&mut self, clause: &Clause) -> Option<ClauseId> {
        let is_cheap = |literal: &[u8]| self.literals.contains(literal) || is_rare(literal);
        let literals = clause.literals.iter().map(|literal| match is_cheap(literal) {
            true => Some(literal.clone()),
            false => self.part_of(literal),
        });
        let literals = literals.collect::<Option<_>>()?;
        Some(self.add(&Clause { bytes: ByteSet::EMPTY, literals }, usize::MAX))
    }

    /// The longest part of a literal that is looked for.
    fn part_of(&self, literal: &[u8]) -> Option<Box<[u8]>> {
        let mut parts = (2..literal.len()).rev().flat_map(|length| literal.windows(length));
        parts.find_map(|part| self.literals.get(part)).cloned()
    }

    fn add(&mut self, clause: &Clause, place: usize) -> ClauseId {
        if let Some(id) = self.clauses.get(clause) {
            let before = &mut self.places[id.0 as usize];
            *before = place.min(*before);
            return *id;
        }
        let id = ClauseId(self.clauses.len() as u32);
        self.clauses.insert(clause.clone(), id);
        self.by_id.push(clause.clone());
        if place < usize::MAX {
            self.literals.extend(clause.literals.iter().cloned());
        }
        self.places.push(place);
        id
    }

    /// A clause that was given.
    pub(crate) fn clause(&self, id: ClauseId) -> Option<&Clause> {
        self.by_id.get(id.0 as usize)
    }

    /// The id of a set of bytes.
    pub(crate) fn add_bytes(&mut self, bytes: ByteSet) -> ClauseId {
        self.add(&Clause { bytes, ..Clause::default() }, 0)
    }

    /// Whether these are so few, with so few literals, that a scanner for them is worth having beside the
    /// one for all.
    pub(crate) fn is_small(&self, wanted: &BTreeSet<ClauseId>) -> bool {
        let clauses = || wanted.iter().filter_map(|id| self.clause(*id));
        // Clauses share literals; most sets of them have so many that a part of the set says so.
        let mut literals = BTreeSet::new();
        for clause in clauses() {
            if clause.literals.len() > SMALL_LITERALS_MAX || literals.len() > SMALL_LITERALS_MAX {
                return false;
            }
            literals.extend(&clause.literals);
        }
        let with_bytes = clauses().filter(|clause| !clause.bytes.is_empty()).count();
        with_bytes <= BYTE_WORDS * 64 && literals.len() <= SMALL_LITERALS_MAX
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
                by_byte[usize::from(byte)][usize::from(bit) / 64] |= 1 << (bit % 64);
            }
            clause.literals.iter().for_each(|literal| literals.entry(literal).or_default().push(bit));
        }
        let literals = literals.into_iter().map(|(text, bits)| Literal { text: text.into(), bits });
        let (pairs, literals) = Literals::new(literals.collect());
        let mut in_pairs = Box::new([InPairs::default(); 256]);
        for (byte, in_pairs) in (0..=u8::MAX).zip(in_pairs.iter_mut()) {
            (in_pairs.begins, in_pairs.ends) = pairs.of_byte(byte);
        }
        let words = clauses.len().div_ceil(64).max(BYTE_WORDS);
        let whole = Wanted { groups: pairs.groups(|_| true, true), literals };
        Scanner { bits, words, by_byte, in_pairs, pairs, whole }
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

    /// Everything that it knows.
    pub(crate) fn whole(&self) -> &Wanted {
        &self.whole
    }

    /// The clauses of some of the bits.
    pub(crate) fn wanted(&self, bit: impl Fn(u16) -> bool) -> Wanted {
        let literals = self.whole.literals.only(&bit);
        Wanted { groups: self.pairs.groups(&bit, literals.has_others()), literals }
    }

    /// Sets the bits of the wanted clauses that the value meets, and of such others as are met by a byte; `met` is
    /// [`Scanner::words`] long. Gives the bytes that the value has.
    pub(crate) fn scan(&self, value: &[u8], wanted: &Wanted, met: &mut [u64]) -> ByteSet {
        let seen = ByteSet::seen_in(value);
        let (mut bytes, mut pairs) = (OfByte::default(), InPairs::default());
        for byte in seen.iter() {
            bytes = either(bytes, self.by_byte[usize::from(byte)]);
            let InPairs { begins, ends } = &self.in_pairs[usize::from(byte)];
            pairs = InPairs { begins: either(pairs.begins, *begins), ends: either(pairs.ends, *ends) };
        }
        met.iter_mut().zip(bytes).for_each(|(met, of_bytes)| *met |= of_bytes);
        wanted.literals.scan(value, seen, met);
        // The groups of which it has both bytes, perhaps one after the other.
        let groups = both(wanted.groups, both(pairs.begins, pairs.ends));
        if groups != Groups::default() {
            let found = both(groups, self.pairs_in(value));
            if self.pairs.tell(found, met) {
                wanted.literals.scan_others(value, met);
            }
        }
        seen
    }

    /// The groups of which the value has a pair.
    fn pairs_in(&self, value: &[u8]) -> Groups {
        let (mut pairs, mut begun) = (Groups::default(), Groups::default());
        let mut step = |byte: &u8| {
            let InPairs { begins, ends } = &self.in_pairs[usize::from(*byte)];
            pairs = either(pairs, both(begun, *ends));
            begun = *begins;
        };
        // In fours, so that there is less of a loop around them.
        let (fours, rest) = value.as_chunks::<4>();
        fours.iter().for_each(|four| four.iter().for_each(&mut step));
        rest.iter().for_each(step);
        pairs
    }
}

/// Whether a bit is set of those that [`Scanner::scan`] sets.
#[inline]
pub(crate) fn is_met(bit: u16, met: &[u64]) -> bool {
    met[usize::from(bit) / 64] >> (bit % 64) & 1 == 1
}

/// What either has.
#[inline(always)]
fn either([a, b, c, d]: [u64; 4], [e, f, g, h]: [u64; 4]) -> [u64; 4] {
    [a | e, b | f, c | g, d | h]
}

/// What both have.
#[inline(always)]
fn both([a, b, c, d]: [u64; 4], [e, f, g, h]: [u64; 4]) -> [u64; 4] {
    [a & e, b & f, c & g, d & h]
}

/// Whether few values have a literal, and it is found in the first pass over a value.
fn is_rare(literal: &[u8]) -> bool {
    literal.len() >= 4 && literal_frequency(literal) < RARE_FREQUENCY
}

/// How often a rare literal begins at a byte of an ordinary value.
const RARE_FREQUENCY: f64 = 0.000_01;
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
            scanner.scan(value.as_bytes(), scanner.whole(), &mut met);
            let half = |bit: u16| bit & 1 == 0;
            let mut some = vec![0; scanner.words()];
            scanner.scan(value.as_bytes(), &scanner.wanted(half), &mut some);
            let lower = value.to_lowercase();
            for (clause, id) in clauses.iter().zip(ids) {
                let Some(bit) = scanner.bit(id) else { continue };
                let is_met = value.bytes().any(|byte| clause.bytes.contains(byte))
                    || clause.literals.iter().any(|it| lower.contains(std::str::from_utf8(it).unwrap()));
                let is_set = |met: &[u64]| met[usize::from(bit) / 64] >> (bit % 64) & 1 == 1;
                prop_assert_eq!(is_set(&met), is_met, "{:?}", clause);
                prop_assert!(is_set(&some) == is_met || !half(bit), "{:?}", clause);
            }
        }
    }
}
