//! The most that was resident.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use portcullis_benches::memory::resident_kb_of;

/// Looks at a process again and again.
pub(crate) struct Peak {
    seen: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Peak {
    pub(crate) fn watch(process: u32) -> Self {
        let (seen, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    let resident = resident_kb_of(process).unwrap_or(0) as u64;
                    seen.fetch_max(resident << 10, Ordering::Relaxed);
                    std::thread::sleep(EVERY);
                }
            }
        });
        Self { seen, stop, thread }
    }

    /// The most so far (bytes).
    pub(crate) fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
        self.seen.load(Ordering::Relaxed)
    }
}

const EVERY: Duration = Duration::from_millis(50);
