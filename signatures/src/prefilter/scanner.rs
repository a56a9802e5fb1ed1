//! Which clauses a value meets, in one pass.

use std::collections::{BTreeMap, BTreeSet};

use super::literals::{Literal, Literals};
use super::pairs::{Groups, Pairs};
use super::{ByteSet, Clause};

/// Clauses to be scanned for, each once.
#[derive(Debug, Default)]
pub(crate) struct ScannerBuilder {
    clauses: BTreeMap<Clause, ClauseId>,
    by_id: Vec<Clause>,
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

/// What is known of a byte, a line of the processor's cache: the bits of the clauses that it meets, the groups of
/// which it begins a pair, and those of which it ends one.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct OfByte([u64; BYTE_WORDS + 2 * GROUP_WORDS]);

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
        self.by_id.push(clause.clone());
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
                by_byte[usize::from(byte)].0[usize::from(bit) / 64] |= 1 << (bit % 64);
            }
            clause.literals.iter().for_each(|literal| literals.entry(literal).or_default().push(bit));
        }
        let literals = literals.into_iter().map(|(text, bits)| Literal { text: text.into(), bits });
        let (pairs, literals) = Literals::new(literals.collect());
        for (byte, of_byte) in (0..=u8::MAX).zip(by_byte.iter_mut()) {
            let (begins, ends) = pairs.of_byte(byte);
            of_byte.0[BEGINS..ENDS].copy_from_slice(&begins);
            of_byte.0[ENDS..].copy_from_slice(&ends);
        }
        let words = clauses.len().div_ceil(64).max(BYTE_WORDS);
        let whole = Wanted { groups: pairs.groups(|_| true, true), literals };
        Scanner { bits, words, by_byte, pairs, whole }
    }
}

impl Default for Scanner {
    fn default() -> Self {
        ScannerBuilder::default().build(|_| true)
    }
}

impl OfByte {
    /// What is known of either.
    #[inline(always)]
    fn or(self, other: &Self) -> Self {
        let (Self([a, b, c, d, e, f, g, h]), Self(other)) = (self, other);
        let [i, j, k, l, m, n, o, p] = *other;
        Self([a | i, b | j, c | k, d | l, e | m, f | n, g | o, h | p])
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
        let OfByte(all) = seen.iter().fold(OfByte::default(), |all, byte| all.or(self.of(byte)));
        // In full, as this runs for each value: what loops over four words costs more than it does.
        let [a, b, c, d, begun, also_begun, ended, also_ended] = all;
        if let [first, second, third, fourth, ..] = met {
            *first |= a;
            *second |= b;
            *third |= c;
            *fourth |= d;
        }
        wanted.literals.scan(value, seen, met);
        // The groups of which it has both bytes, perhaps one after the other.
        let groups = [wanted.groups[0] & begun & ended, wanted.groups[1] & also_begun & also_ended];
        if groups != [0, 0] {
            let pairs = self.pairs_in(value);
            if self.pairs.tell([pairs[0] & groups[0], pairs[1] & groups[1]], met) {
                wanted.literals.scan_others(value, met);
            }
        }
        seen
    }

    fn of(&self, byte: u8) -> &OfByte {
        &self.by_byte[usize::from(byte)]
    }

    /// The groups of which the value has a pair.
    fn pairs_in(&self, value: &[u8]) -> Groups {
        let (mut pairs, mut before) = (Groups::default(), &OfByte::default());
        for byte in value {
            let of_byte = self.of(*byte);
            let [.., first, second, _, _] = before.0;
            let [.., third, fourth] = of_byte.0;
            pairs = [pairs[0] | first & third, pairs[1] | second & fourth];
            before = of_byte;
        }
        pairs
    }
}

/// Literals that a scanner is small with.
const SMALL_LITERALS_MAX: usize = 512;
/// Words of bits for clauses that one byte can meet.
const BYTE_WORDS: usize = 4;
/// Words of groups.
const GROUP_WORDS: usize = 2;
/// Where the groups of pairs are that a byte begins, and those that it ends.
const BEGINS: usize = BYTE_WORDS;
const ENDS: usize = BEGINS + GROUP_WORDS;

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
