//! Where persistent collections of rules are kept, and how much of them.

use std::time::Duration;

use signatures::collections::StoreLimits;

use super::quantity::{duration_at, size_at};
use super::{At, CollectionsSpec};

/// Where persistent collections of rules are kept, and how much of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collections {
    /// The file they are written to, found from the working directory; `None` keeps them in memory alone.
    pub file: Option<String>,
    /// How often they are written.
    pub every: Duration,
    /// How much is kept.
    pub limits: StoreLimits,
}

impl Default for Collections {
    fn default() -> Self {
        Self { file: None, every: EVERY, limits: StoreLimits::default() }
    }
}

pub(super) fn check(spec: &CollectionsSpec, at: &At<'_>) -> Collections {
    let usual = StoreLimits::default();
    let bytes = size_at(spec.bytes_max.as_ref(), usual.bytes_max as u64, BYTES_MIN, &at.key("bytes_max"));
    Collections {
        file: spec.file.as_deref().and_then(|file| path(file, &at.key("file"))),
        every: duration_at(spec.every.as_deref(), EVERY, &at.key("every")),
        limits: StoreLimits {
            entries_max: spec.entries_max.map_or(usual.entries_max, |entries| entries as usize),
            bytes_max: usize::try_from(bytes).unwrap_or(usize::MAX),
        },
    }
}

fn path(file: &str, at: &At<'_>) -> Option<String> {
    if file.is_empty() {
        at.error("empty-path", "the path is empty").label("must name a file").report();
        return None;
    }
    let path = at.location().file.path.clone();
    let directory = path.rfind('/').filter(|_| !file.starts_with('/')).map_or("", |at| &path[..=at]);
    Some(format!("{directory}{file}"))
}

/// How often the file is written, unless another time is set; what rules counted since is lost in a crash.
const EVERY: Duration = Duration::from_secs(60);
/// The least that holds anything in every shard (bytes).
const BYTES_MIN: u64 = 64 << 10;
