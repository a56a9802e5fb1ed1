//! Time, as those who balance see it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Milliseconds that pass; their beginning means nothing.
#[derive(Debug)]
pub(crate) enum Clock {
    /// Real ones.
    System(Instant),
    /// Those of a test, which pass when it says so.
    #[cfg_attr(not(test), expect(dead_code, reason = "for tests"))]
    Manual(AtomicU64),
}

impl Clock {
    /// Real time.
    pub(crate) fn system() -> Self {
        Self::System(Instant::now())
    }

    /// The time (ms). Never zero, so that zero can mean never.
    pub(crate) fn now_ms(&self) -> u64 {
        let passed = match self {
            Self::System(start) => u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX / 2),
            Self::Manual(now) => now.load(Ordering::Relaxed),
        };
        passed + 1
    }

    #[cfg(test)]
    pub(super) fn manual() -> Self {
        Self::Manual(AtomicU64::new(0))
    }

    #[cfg(test)]
    pub(super) fn pass(&self, ms: u64) {
        if let Self::Manual(now) = self {
            now.fetch_add(ms, Ordering::Relaxed);
        }
    }
}
