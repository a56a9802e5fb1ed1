//! When something was seen: in which of the last 64 windows of time.

/// The length of a window of time (seconds).
pub const WINDOW_SECONDS: u64 = 2 * 3600;

/// Windows of time in which something was seen, up to 63 before the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Windows {
    /// The last window it was seen in.
    last: u32,
    /// Bit n: it was seen n windows before the last one.
    bits: u64,
}

impl Windows {
    /// The window of a time (seconds since the Unix epoch).
    #[must_use]
    pub fn of(seconds: u64) -> u32 {
        u32::try_from(seconds / WINDOW_SECONDS).unwrap_or(u32::MAX)
    }

    /// From its parts; see [`Windows::parts`].
    #[must_use]
    pub fn from_parts(last: u32, bits: u64) -> Self {
        Self { last: if bits == 0 { 0 } else { last }, bits }.normal()
    }

    /// The last window, and a bit for each window from there back.
    #[must_use]
    pub fn parts(&self) -> (u32, u64) {
        (self.last, self.bits)
    }

    /// It was seen in that window.
    pub fn add(&mut self, window: u32) {
        self.merge(&Self { last: window, bits: 1 });
    }

    /// It was seen in all windows of `other` as well.
    pub fn merge(&mut self, other: &Self) {
        if other.bits == 0 {
            return;
        }
        let last = if self.bits == 0 { other.last } else { self.last.max(other.last) };
        *self = Self { last, bits: self.seen_from(last) | other.seen_from(last) };
    }

    /// The last window; 0 when it was never seen.
    #[must_use]
    pub fn last(&self) -> u32 {
        self.last
    }

    /// The first of the windows that are remembered.
    #[must_use]
    pub fn first(&self) -> u32 {
        self.last.saturating_sub(63_u32.saturating_sub(self.bits.leading_zeros()))
    }

    /// How many windows.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.bits.count_ones()
    }

    /// How many of them lie before `window`.
    #[must_use]
    pub fn count_before(&self, window: u32) -> u32 {
        // Bits of windows that are not earlier: those less than `last - window + 1` back.
        let later = u64::from(self.last.saturating_add(1).saturating_sub(window));
        u32::try_from(later).ok().and_then(|later| self.bits.checked_shr(later)).unwrap_or(0).count_ones()
    }

    /// The bits as they are when `last` is the last window.
    fn seen_from(&self, last: u32) -> u64 {
        self.bits.checked_shl(last.saturating_sub(self.last)).unwrap_or(0)
    }

    /// Bit 0 is set, if any is.
    fn normal(self) -> Self {
        let back = self.bits.trailing_zeros();
        match self.bits.checked_shr(back) {
            Some(bits) => Self { last: self.last.saturating_sub(back), bits },
            None => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn windows(of: &[u32]) -> Windows {
        let mut windows = Windows::default();
        of.iter().for_each(|window| windows.add(*window));
        windows
    }

    #[test]
    fn counts() {
        for (seen, first, last, count, before_100) in [
            (&[][..], 0, 0, 0, 0),
            (&[0], 0, 0, 1, 1),
            (&[99, 100, 100, 101], 99, 101, 3, 1),
            (&[100, 40, 36], 40, 100, 2, 1),
            (&[150, 100, 99], 99, 150, 3, 1),
            (&[u32::MAX, 5], u32::MAX, u32::MAX, 1, 0),
        ] {
            let windows = windows(seen);
            let found = (windows.first(), windows.last(), windows.count(), windows.count_before(100));
            assert_eq!(found, (first, last, count, before_100), "{seen:?}");
        }
    }

    proptest! {
        #[test]
        fn any_order_is_the_same(seen in prop::collection::vec(0..200_u32, 0..20), cut in 0..20_usize) {
            let whole = windows(&seen);
            let cut = cut.min(seen.len());
            let mut merged = windows(&seen[cut..]);
            merged.merge(&windows(&seen[..cut]));
            prop_assert_eq!(merged, whole);
            let (last, bits) = whole.parts();
            prop_assert_eq!(Windows::from_parts(last, bits), whole);
        }

        #[test]
        fn any_parts_are_valid(last: u32, bits: u64, before: u32) {
            let windows = Windows::from_parts(last, bits);
            prop_assert!(windows.count_before(before) <= windows.count());
            prop_assert!(windows.first() <= windows.last());
        }
    }
}
