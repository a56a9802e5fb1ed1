//! What the suites share.

pub mod files;
