//! Where a panic of the engine becomes the policy's `on_inspection_failure`.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `stage`; `None` when it panicked. The state it worked on must not be used again.
pub(crate) fn contained<T>(stage: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(stage)).ok()
}
