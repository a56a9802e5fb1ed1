//! The form in which n-grams are counted: what differs between two spellings of one attack is removed.

/// Stands for a run of bytes that are not ASCII.
pub(crate) const FOREIGN: u8 = 0x80;

/// Normalises a value byte by byte: letters lower-cased, a run of white space is one space, digits are `0`
/// and a run of them at most three, a run of bytes that are not ASCII is one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Normaliser {
    /// The kinds of the last four bytes, two bits each, the last lowest: all that tells whether a byte counts.
    kinds: u8,
}

impl Normaliser {
    /// The normalised byte, unless the run it belongs to has been told already.
    #[inline]
    pub(crate) fn push(&mut self, byte: u8) -> Option<u8> {
        let (normal, counts) = self.step(byte);
        counts.then_some(normal)
    }

    /// The normalised byte, and whether it counts: what [`Normaliser::push`] says, without a branch.
    #[inline]
    pub(crate) fn step(&mut self, byte: u8) -> (u8, bool) {
        let Class { normal, kind } = CLASSES[usize::from(byte)];
        self.kinds = self.kinds << KIND_BITS | kind;
        (normal, COUNTS[usize::from(self.kinds)])
    }

    /// What becomes of bytes that are all ASCII and all count; `None`, and nothing is taken, of others. All eight are
    /// worked on at a time, as one word.
    #[inline]
    pub(crate) fn dense(&mut self, bytes: [u8; DENSE_BYTES]) -> Option<[u8; DENSE_BYTES]> {
        let word = u64::from_le_bytes(bytes);
        let spaces = within::<b'\t', b'\r'>(word) | within::<b' ', b' '>(word);
        let digits = within::<b'0', b'9'>(word);
        let before = BEFORE[usize::from(self.kinds)];
        let two_spaces = spaces & (spaces << 8 | before.space);
        let [second, third, fourth] = before.digits;
        let four_digits = digits & (digits << 8 | second) & (digits << 16 | third) & (digits << 24 | fourth);
        if (word & HIGH_BITS) | two_spaces | four_digits != 0 {
            return None;
        }
        let lower = word | within::<b'A', b'Z'>(word) >> 2;
        let zeros = lower & !((digits >> 3) - (digits >> 7));
        let space = spaces | (spaces - (spaces >> 7));
        for byte in &bytes[DENSE_BYTES - KINDS..] {
            self.step(*byte);
        }
        Some((zeros & !space | space & SPACES).to_le_bytes())
    }

    /// Takes a byte that does not count; any other is left.
    #[inline]
    pub(crate) fn drops(&mut self, byte: u8) -> bool {
        let mut next = *self;
        let (_, counts) = next.step(byte);
        if !counts {
            *self = next;
        }
        !counts
    }
}

/// What becomes of a byte.
#[derive(Clone, Copy)]
struct Class {
    normal: u8,
    kind: u8,
}

/// Bytes that are taken at once.
pub(crate) const DENSE_BYTES: usize = 8;
/// The high bit of each byte.
const HIGH_BITS: u64 = u64::from_le_bytes([0x80; DENSE_BYTES]);
const SPACES: u64 = u64::from_le_bytes([b' '; DENSE_BYTES]);

/// The high bit of each byte from `FIRST` to `LAST`, both ASCII, in a word of ASCII.
fn within<const FIRST: u8, const LAST: u8>(word: u64) -> u64 {
    let from = word.wrapping_add(u64::from_le_bytes([0x80 - FIRST; DENSE_BYTES]));
    let beyond = word.wrapping_add(u64::from_le_bytes([0x7f - LAST; DENSE_BYTES]));
    from & !beyond & HIGH_BITS
}

/// What came before a word, as it would stand in it.
#[derive(Clone, Copy)]
struct Before {
    space: u64,
    /// One, two and three bytes before each.
    digits: [u64; 3],
}

/// What came before by its kinds.
const BEFORE: [Before; 256] = {
    let mut before = [Before { space: 0, digits: [0; 3] }; 256];
    let mut kinds = 0;
    while kinds < 256 {
        if kinds & 3 == SPACE as usize {
            before[kinds].space = 0x80;
        }
        let (mut back, mut digits) = (0, 0_u64);
        while back < 3 {
            // The last is next to the word, the others before it.
            let is_digit = kinds >> (2 * back) & 3 == DIGIT as usize;
            digits |= if is_digit { 0x80 << (8 * (2 - back)) } else { 0 };
            back += 1;
        }
        before[kinds].digits = [digits >> 16, digits >> 8, digits];
        kinds += 1;
    }
    before
};

/// Bytes whose kinds are kept.
const KINDS: usize = 4;
const KIND_BITS: u32 = 2;
/// Each byte of this kind counts.
const ANY: u8 = 0;
/// One of a run counts.
const SPACE: u8 = 1;
/// One of a run counts.
const NOT_ASCII: u8 = 2;
/// Three of a run count.
const DIGIT: u8 = 3;

/// What becomes of each byte.
const CLASSES: [Class; 256] = {
    let mut classes = [Class { normal: 0, kind: ANY }; 256];
    let mut byte = 0;
    while byte < 256 {
        let value = byte as u8;
        let (normal, kind) = match value {
            b'0'..=b'9' => (b'0', DIGIT),
            b' ' | b'\t'..=b'\r' | 0xa0 => (b' ', SPACE),
            0x80..=0xff => (FOREIGN, NOT_ASCII),
            _ => (value.to_ascii_lowercase(), ANY),
        };
        classes[byte] = Class { normal, kind };
        byte += 1;
    }
    classes
};

/// Whether the last of four bytes counts, by their kinds.
const COUNTS: [bool; 256] = {
    let mut counts = [true; 256];
    let mut kinds = 0;
    while kinds < 256 {
        let [last, before, third, fourth] =
            [kinds & 3, kinds >> KIND_BITS & 3, kinds >> (2 * KIND_BITS) & 3, kinds >> (3 * KIND_BITS) & 3];
        counts[kinds] = match last as u8 {
            ANY => true,
            DIGIT => before != last || third != last || fourth != last,
            _ => before != last,
        };
        kinds += 1;
    }
    counts
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn takes_many_as_one_by_one(
            bytes in prop::array::uniform12(prop::sample::select(b"aZ<{zb@[`/:\n \t\xa0\x80\xff0189".to_vec())),
            before in 0_usize..=4,
        ) {
            let [mut one, mut many] = [Normaliser::default(); 2];
            for byte in &bytes[..before] {
                one.push(*byte);
                many.push(*byte);
            }
            let bytes = *bytes[before..].first_chunk().unwrap();
            let normal: Vec<_> = bytes.iter().map(|byte| one.push(*byte)).collect();
            match many.dense(bytes) {
                Some(all) => prop_assert_eq!((all.map(Some).to_vec(), many.kinds), (normal, one.kinds)),
                None => prop_assert!(normal.contains(&None) || !bytes.is_ascii()),
            }
        }
    }

    #[test]
    fn normalises() {
        for (value, expected) in [
            ("UNION\t\n SELECT", "union select"),
            ("id=123456 or 12=12", "id=000 or 00=00"),
            ("\u{e9}\u{e8}t\u{e9}", "\\x80t\\x80"),
            ("1234x12345 1", "000x000 0"),
            ("  \t1 \u{e9}\u{e8}", " 0 \\x80"),
            ("", ""),
        ] {
            let mut normaliser = Normaliser::default();
            let normal: Vec<u8> = value.bytes().filter_map(|byte| normaliser.push(byte)).collect();
            assert_eq!(normal.escape_ascii().to_string(), expected, "{value}");
        }
    }
}
