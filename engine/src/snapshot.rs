//! Everything a verdict depends on besides the transaction, immutable and hashed.

/// Policy, compiled rules and (later) model and learned profiles. A reload builds a new one beside the
/// old; a request keeps the one it began with.
#[derive(Debug, Default)]
pub struct Snapshot {}

/// The asset and policy that a request falls under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Index of the asset in the configuration.
    pub asset: usize,
    /// Index of its policy.
    pub policy: usize,
}
