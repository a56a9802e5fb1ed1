//! What the suites share.

pub mod differences;
pub mod files;
pub mod modsecurity;
pub mod random;
