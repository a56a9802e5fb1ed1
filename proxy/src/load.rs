//! Where a configuration comes from.

use std::path::PathBuf;
use std::sync::Arc;

use engine::Snapshot;
use engine::config::Config;

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
    /// The configuration with its rules.
    pub snapshot: Arc<Snapshot>,
    /// The files it was read from: a change in one of them is a reason to read it again.
    pub files: Vec<PathBuf>,
    /// What is doubtful about it, ready to be shown.
    pub warnings: String,
}

impl Loaded {
    /// What is not about judging.
    pub(crate) fn config(&self) -> &Config {
        self.snapshot.config()
    }
}
