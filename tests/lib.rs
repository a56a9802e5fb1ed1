//! What the suites share.

pub mod core_rules;
pub mod differences;
pub mod files;
pub mod frames;
#[path = "chart/helm.rs"]
pub mod helm;
pub mod kubelet;
pub mod modsecurity;
pub mod nginx;
pub mod ports;
pub mod random;
pub mod wheels;
