//! How much work patterns that are not regular may cause.

/// How much work the bounded matcher may do in one transaction, and how often that was not enough.
///
/// A search may take [`STEPS_PER_BYTE`](Self::STEPS_PER_BYTE) steps for each byte of its value, and up to
/// [`SPARE_STEPS_PER_SEARCH`](Self::SPARE_STEPS_PER_SEARCH) more out of the
/// [`SPARE_STEPS`](Self::SPARE_STEPS) of the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    spare: u64,
    exceeded: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self { spare: Self::SPARE_STEPS, exceeded: 0 }
    }
}

impl Budget {
    /// Steps for each byte of a value.
    pub const STEPS_PER_BYTE: u64 = 64;
    /// Steps that one search may take beyond.
    pub const SPARE_STEPS_PER_SEARCH: u64 = 1_000_000;
    /// Steps that all searches may take beyond.
    pub const SPARE_STEPS: u64 = 16_000_000;

    /// How often a search ended without knowing whether its pattern matches.
    #[must_use]
    pub fn exceeded(&self) -> u32 {
        self.exceeded
    }

    pub(in crate::operator::rx) fn exceed(&mut self) {
        self.exceeded = self.exceeded.saturating_add(1);
    }

    /// Lends one search its steps; it takes from them what it needs.
    pub(in crate::operator::rx) fn lend<T>(
        &mut self,
        value_bytes: usize,
        search: impl FnOnce(&mut u64) -> T,
    ) -> T {
        let own = (value_bytes as u64).saturating_mul(Self::STEPS_PER_BYTE);
        let mut steps = own.saturating_add(self.spare.min(Self::SPARE_STEPS_PER_SEARCH));
        let lent = steps;
        let found = search(&mut steps);
        self.spare = self.spare.saturating_sub((lent - steps).saturating_sub(own));
        found
    }
}
