//! Nothing that panics unwinds into C: each entry from nginx runs in here.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs what C called; `otherwise` is what C gets if that panics. The panic's message has gone to nginx's standard error, which is its error
/// log unless `error_log` says otherwise.
///
/// What was half done when it panicked is a request's own (an [`crate::ask::Ask`], in the request's pool) or a number, so that nothing that others
/// rely on is left broken.
pub fn guarded<T>(otherwise: T, run: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(otherwise)
}
