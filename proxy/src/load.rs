//! Where a configuration comes from.

use std::path::PathBuf;
use std::sync::Arc;

use engine::Snapshot;

use crate::settings::Settings;

/// A configuration that can be read again and again: at the start and at every reload.
pub trait Source: Send + Sync {
    /// Reads it, with everything it names.
    ///
    /// # Errors
    /// What is wrong with it, ready to be shown.
    fn load(&self) -> Result<Loaded, String>;
}

/// A configuration, read and checked.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// What is not about judging.
    pub settings: Settings,
    /// How requests are judged.
    pub snapshot: Arc<Snapshot>,
    /// What it is made of, for `/readyz` and metrics.
    pub hashes: Hashes,
    /// What is said about it at the start: one line each.
    pub summary: Vec<String>,
    /// The files it was read from: a change in one of them is a reason to read it again.
    pub files: Vec<PathBuf>,
    /// What is doubtful about it, ready to be shown.
    pub warnings: String,
}

/// What a configuration is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Hashes {
    /// Of the configuration as written.
    pub config: String,
    /// Of all policies.
    pub policy: String,
    /// Of all rules.
    pub rules: String,
    /// Of the model; empty without one.
    pub model: String,
}
