//! Random values that are the same in every run.

/// A sequence that its seed alone decides: SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bits = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `end`; 0 when there is none. Values are tests': that some come a little more often is no matter.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next_u64() % (end.max(1) as u64)) as usize
    }

    /// One of these.
    ///
    /// # Panics
    /// When there are none.
    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }

    /// A value of up to `pieces_max` pieces, now and then any byte between them.
    pub fn value(&mut self, pieces: &[&[u8]], pieces_max: usize) -> Vec<u8> {
        let mut value = Vec::new();
        for _ in 0..self.below(pieces_max + 1) {
            match self.below(24) {
                0 => value.push(self.next_u64() as u8),
                _ => value.extend(*self.pick(pieces)),
            }
        }
        value
    }

    /// Changes a value in one to four places: bytes changed, put in, left out or repeated, pieces put in, the value cut,
    /// another's end put after it.
    pub fn mutate(&mut self, value: &mut Vec<u8>, pieces: &[&[u8]], others: &[Vec<u8>]) {
        for _ in 0..=self.below(4) {
            let at = self.below(value.len() + 1);
            let end = at + self.below((value.len() - at).min(16) + 1);
            match self.below(8) {
                0 if at < value.len() => value[at] = self.next_u64() as u8,
                1 if at < value.len() => value[at] ^= 1 << self.below(8),
                2 => value.insert(at, self.next_u64() as u8),
                3 => drop(value.drain(at..end)),
                4 => {
                    let repeated = value[at..end].to_vec();
                    value.splice(at..at, repeated);
                }
                5 if !others.is_empty() => {
                    let other = self.pick(others);
                    value.truncate(at);
                    value.extend_from_slice(&other[self.below(other.len() + 1)..]);
                }
                6 => value.truncate(at),
                _ => {
                    let piece = *self.pick(pieces);
                    value.splice(at..at, piece.iter().copied());
                }
            }
            value.truncate(VALUE_BYTES_MAX);
        }
    }
}

/// Longer values are cut.
const VALUE_BYTES_MAX: usize = 4096;
