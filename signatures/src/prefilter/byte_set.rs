//! A set of bytes.

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    /// Every byte.
    pub(crate) const ALL: Self = Self([u64::MAX; 4]);
    /// No byte.
    pub(crate) const EMPTY: Self = Self([0; 4]);

    /// The bytes of a text.
    pub(crate) const fn of(bytes: &[u8]) -> Self {
        let mut set = Self::EMPTY;
        let mut at = 0;
        while at < bytes.len() {
            set = set.with_range(bytes[at], bytes[at]);
            at += 1;
        }
        set
    }

    /// The bytes that a text has, of any length.
    pub(crate) fn seen_in(text: &[u8]) -> Self {
        if text.len() < MARKED_BYTES_MIN {
            let mut seen = Self::EMPTY;
            for byte in text {
                seen.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
            }
            return seen;
        }
        // A mark for each byte, and then a bit for each mark: no byte waits for the one before.
        let mut marks = [0_u8; 256];
        for byte in text {
            marks[usize::from(*byte)] = 1;
        }
        let mut seen = Self::EMPTY;
        for (eight, marks) in marks.as_chunks().0.iter().enumerate() {
            // Bit 8 * i of the marks becomes bit i of the highest byte.
            let bits = u64::from_le_bytes(*marks).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            seen.0[eight / 8] |= bits << (eight % 8 * 8);
        }
        seen
    }

    /// The set with all bytes from `first` to `last`.
    pub(crate) const fn with_range(mut self, first: u8, last: u8) -> Self {
        let mut byte = first as usize;
        while byte <= last as usize {
            self.0[byte / 64] |= 1 << (byte % 64);
            byte += 1;
        }
        self
    }

    pub(crate) fn insert(&mut self, byte: u8) {
        *self = self.with_range(byte, byte);
    }

    pub(crate) fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte) / 64] >> (byte % 64) & 1 == 1
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::EMPTY
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u8> + use<> {
        let (mut words, mut word) = (self.0, 0);
        std::iter::from_fn(move || {
            while words.get(word)? == &0 {
                word += 1;
            }
            let bits = words[word];
            words[word] = bits & (bits - 1);
            Some((word * 64) as u8 | bits.trailing_zeros() as u8)
        })
    }

    /// Whether both have a byte.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(one, other)| one & other != 0)
    }

    /// The bytes of either.
    pub(crate) fn union(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(word, more)| *word |= more);
        self
    }

    /// The bytes that are not in `other`.
    pub(crate) fn without(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(word, less)| *word &= !less);
        self
    }

    /// The bytes of both.
    pub(crate) fn intersection(self, other: Self) -> Self {
        self.without(other.complement())
    }

    /// The bytes that are not in it.
    pub(crate) fn complement(mut self) -> Self {
        self.0.iter_mut().for_each(|word| *word = !*word);
        self
    }

    /// The set with both cases of each letter in it.
    pub(crate) fn without_case(mut self) -> Self {
        // Upper and lower case stand 32 bits apart in the second word.
        let letters = self.0[1];
        self.0[1] |= (letters & UPPER) << 32 | letters >> 32 & UPPER;
        self
    }
}

/// Texts from which on bytes are marked first (bytes).
const MARKED_BYTES_MIN: usize = 40;
/// The upper-case letters, in the second word.
const UPPER: u64 = 0x07ff_fffe;

impl FromIterator<u8> for ByteSet {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        bytes.into_iter().fold(Self::EMPTY, |set, byte| set.with_range(byte, byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_put_in() {
        let set = ByteSet::of(b"aZ\xff").with_range(b'0', b'2');
        assert_eq!(set.iter().collect::<Vec<_>>(), b"012Za\xff");
        assert_eq!(set.without_case().iter().collect::<Vec<_>>(), b"012AZaz\xff");
        assert_eq!(set.complement().iter().count(), 250);
        for length in [3, 39, 40, 300] {
            let text: Vec<u8> = (0..length).map(|at| (at * 37 % 256) as u8).collect();
            assert_eq!(ByteSet::seen_in(&text), text.iter().copied().collect(), "{length} bytes");
        }
        assert!(set.meets(&ByteSet::of(b"bZ")) && !set.meets(&ByteSet::of(b"bz")));
        assert_eq!(set.without(ByteSet::of(b"aZ")).iter().collect::<Vec<_>>(), b"012\xff");
        assert_eq!(set.intersection(ByteSet::of(b"0aB")).iter().collect::<Vec<_>>(), b"0a");
        assert!(ByteSet::EMPTY.is_empty() && set.union(set.complement()).complement().is_empty());
    }
}
