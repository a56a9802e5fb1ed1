//! Policies: what is inspected, how strictly, and what is excepted.

/// What a policy does with a hostile transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Reports it and lets it through, unaltered.
    #[default]
    Detect,
    /// Does not inspect.
    Off,
    /// Stops it.
    Prevent,
}
