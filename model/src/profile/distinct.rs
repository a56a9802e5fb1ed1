//! How many different sources: a small sample of hashes.

/// The `N` smallest of all hashes that were added (Bar-Yossef and others 2002, "Counting distinct elements
/// in a data stream"): up to `N` sources are counted exactly, and the union of two samples is the sample of
/// the union.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distinct<const N: usize> {
    hashes: [u32; N],
    count: u8,
}

impl<const N: usize> Default for Distinct<N> {
    fn default() -> Self {
        Self { hashes: [0; N], count: 0 }
    }
}

impl<const N: usize> Distinct<N> {
    /// Adds a source.
    pub fn add(&mut self, hash: u32) {
        let count = usize::from(self.count);
        let Err(at) = self.hashes[..count].binary_search(&hash) else { return };
        if at == N {
            return;
        }
        let end = (count + 1).min(N);
        self.hashes[at..end].rotate_right(1);
        self.hashes[at] = hash;
        self.count = end as u8;
    }

    /// Adds the sources of another sample.
    pub fn merge(&mut self, other: &Self) {
        other.hashes().iter().for_each(|hash| self.add(*hash));
    }

    /// The sample, in ascending order.
    #[must_use]
    pub fn hashes(&self) -> &[u32] {
        &self.hashes[..usize::from(self.count)]
    }

    /// How many there are: exact below `N`, an estimate from there on.
    #[must_use]
    pub fn estimate(&self) -> u32 {
        match self.hashes().last() {
            // The Nth smallest of n evenly spread numbers is about N/n of the way up.
            Some(last) if usize::from(self.count) == N && N > 1 => {
                let all = (N - 1) as f64 * f64::from(u32::MAX) / f64::from((*last).max(1));
                all.max(N as f64) as u32
            }
            _ => u32::from(self.count),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(hashes: &[u32]) -> Distinct<4> {
        let mut sample = Distinct::default();
        hashes.iter().for_each(|hash| sample.add(*hash));
        sample
    }

    #[test]
    fn counts_few_exactly_and_many_roughly() {
        assert_eq!(sample(&[]).estimate(), 0);
        assert_eq!(sample(&[7, 7, 9, 7]).estimate(), 2);
        let mut many = Distinct::<64>::default();
        (0..10_000_u32).for_each(|source| many.add(source.wrapping_mul(0x9e37_79b9)));
        assert!((5_000..20_000).contains(&many.estimate()), "{}", many.estimate());
    }

    proptest! {
        #[test]
        fn keeps_the_smallest(mut hashes: Vec<u32>, cut: usize) {
            let whole = sample(&hashes);
            let cut = cut % (hashes.len() + 1);
            let mut merged = sample(&hashes[cut..]);
            merged.merge(&sample(&hashes[..cut]));
            prop_assert_eq!(merged, whole);
            hashes.sort_unstable();
            hashes.dedup();
            hashes.truncate(4);
            prop_assert_eq!(whole.hashes(), hashes);
        }
    }
}
