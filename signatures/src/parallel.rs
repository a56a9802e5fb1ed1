//! Work that loading does on all processors.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls `work` with each of the items, on as many threads as there are processors.
pub(crate) fn for_each<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(item);
        }
    };
    let others = std::thread::available_parallelism().map_or(1, usize::from) - 1;
    let others = others.min(THREADS_MAX).min(items.len().saturating_sub(1));
    std::thread::scope(|scope| {
        // Where there is no other thread to be had, this one does it all.
        let spawned = (0..others).map(|_| std::thread::Builder::new().spawn_scoped(scope, work));
        spawned.for_each(drop);
        work();
    });
}

/// Threads that load at the same time, beside the one that is asked to (count).
const THREADS_MAX: usize = 7;
