//! Literals of two and three bytes, looked for by a pair of their bytes.
//!
//! Most come from classes: `[0-9]\s` is sixty literals, and one pair of sets. Whether a byte of the first set is
//! followed by one of the second is told of all pairs of sets at once, in a few instructions for each byte of a
//! value, with no branch among them.

use std::collections::BTreeMap;

use super::ByteSet;
use super::literals::Literal;

/// A bit for each group of pairs.
pub(super) type Groups = [u64; 4];

/// Literals of two and three bytes, in groups that have a bit each.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    sets: Vec<PairSet>,
    /// For each group of literals of two bytes, what the literals set. The groups after these only say that
    /// a longer literal may be there.
    bits: Vec<Vec<u16>>,
}

/// A byte of the first set, and then one of the second.
#[derive(Clone, Copy, Debug, Default)]
struct PairSet {
    first: ByteSet,
    second: ByteSet,
}

impl Pairs {
    /// The literals of two bytes, and pairs that longer ones have. Literals beyond what there are bits for are
    /// given back.
    pub(super) fn new(short: &[Literal], others: &[[u8; 2]]) -> (Self, Vec<Literal>) {
        let mut by_bits: BTreeMap<&[u16], Vec<[u8; 2]>> = BTreeMap::new();
        for literal in short {
            if let Some(pair) = literal.text.first_chunk() {
                by_bits.entry(&literal.bits).or_default().push(*pair);
            }
        }
        let mut pairs = Self::default();
        let mut left = Vec::new();
        for (bits, literals) in by_bits {
            let sets = products(&literals);
            if pairs.sets.len() + sets.len() > EXACT_MAX {
                left.extend(short.iter().filter(|it| it.bits == bits).cloned());
                continue;
            }
            pairs.bits.extend(std::iter::repeat_n(bits.to_vec(), sets.len()));
            pairs.sets.extend(sets);
        }
        let of_left = left.iter().filter_map(|literal| literal.text.first_chunk().copied());
        let longer: Vec<_> = others.iter().copied().chain(of_left).collect();
        pairs.sets.extend(products(&longer));
        pairs.merge_last();
        (pairs, left)
    }

    /// Makes what exceeds the bits there are one group, of which nothing exact is said.
    fn merge_last(&mut self) {
        if self.sets.len() > GROUPS_MAX {
            let rest = self.sets.split_off(GROUPS_MAX - 1);
            self.sets.push(rest.into_iter().fold(PairSet::default(), |all, set| PairSet {
                first: all.first.union(set.first),
                second: all.second.union(set.second),
            }));
        }
    }

    /// The groups that tell of some bits, and of longer literals where these are `also` looked for.
    pub(super) fn groups(&self, wanted: impl Fn(u16) -> bool, also_longer: bool) -> Groups {
        let tells = |group: usize| match self.bits.get(group) {
            Some(bits) => bits.iter().any(|bit| wanted(*bit)),
            None => also_longer,
        };
        groups((0..self.sets.len()).filter(|group| tells(*group)))
    }

    /// The groups of which the byte begins a pair, and those of which it ends one.
    pub(super) fn of_byte(&self, byte: u8) -> (Groups, Groups) {
        let having = |has: fn(&PairSet, u8) -> bool| {
            groups((0..).zip(&self.sets).filter(|(_, set)| has(set, byte)).map(|(group, _)| group))
        };
        (having(|set, byte| set.first.contains(byte)), having(|set, byte| set.second.contains(byte)))
    }

    /// Sets the bits of the literals in `groups`; whether longer literals may be there.
    pub(super) fn tell(&self, groups: Groups, found: &mut [u64]) -> bool {
        let mut may_be_more = false;
        for (word, mut bits) in groups.into_iter().enumerate() {
            while bits != 0 {
                let group = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                match self.bits.get(group) {
                    Some(set) => set.iter().for_each(|bit| found[usize::from(*bit) / 64] |= 1 << (bit % 64)),
                    None => may_be_more = true,
                }
            }
        }
        may_be_more
    }
}

/// The bits of these groups.
fn groups(all: impl Iterator<Item = usize>) -> Groups {
    let mut groups = Groups::default();
    all.for_each(|group| groups[group / 64] |= 1 << (group % 64));
    groups
}

/// The pairs, both cases of each, as few products of two sets.
fn products(pairs: &[[u8; 2]]) -> Vec<PairSet> {
    let mut seconds: BTreeMap<u8, ByteSet> = BTreeMap::new();
    for [first, second] in pairs {
        seconds.entry(*first).or_default().insert(*second);
    }
    let mut firsts: BTreeMap<ByteSet, ByteSet> = BTreeMap::new();
    for (first, second) in seconds {
        firsts.entry(second).or_default().insert(first);
    }
    let sets = firsts.into_iter();
    sets.map(|(second, first)| PairSet { first: first.without_case(), second: second.without_case() })
        .collect()
}

/// Groups that there are bits for.
const GROUPS_MAX: usize = size_of::<Groups>() * 8;
/// Groups of literals of two bytes.
const EXACT_MAX: usize = GROUPS_MAX - 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_become_one_group() {
        let digits = (b'0'..=b'9').flat_map(|digit| [[digit, b' '], [digit, b'\t']]);
        let texts = digits.chain([*b"--", *b"/*"]);
        let literal = |text: [u8; 2]| Literal { text: text.into(), bits: vec![u16::from(text[0] < b'0')] };
        let (pairs, left) = Pairs::new(&texts.map(literal).collect::<Vec<_>>(), &[*b"ab"]);
        assert_eq!((pairs.sets.len(), pairs.bits.len(), left.len()), (4, 3, 0));
        let [(first, _), (_, second)] = [b'A', b'B'].map(|byte| pairs.of_byte(byte));
        let mut found = [0];
        assert!(pairs.tell([first[0] & second[0], 0, 0, 0], &mut found) && found == [0]);
    }

    #[test]
    fn too_many_are_given_back() {
        let texts =
            (0..=u8::MAX).map(|byte| Literal { text: Box::new([byte, byte]), bits: vec![byte.into()] });
        let (pairs, left) = Pairs::new(&texts.collect::<Vec<_>>(), &[]);
        assert_eq!(
            (pairs.sets.len(), pairs.bits.len(), left.len()),
            (GROUPS_MAX, EXACT_MAX, 256 - EXACT_MAX)
        );
    }
}
