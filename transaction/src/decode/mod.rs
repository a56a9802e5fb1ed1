//! Decodings that more than one reader of a transaction needs.

pub mod percent;
