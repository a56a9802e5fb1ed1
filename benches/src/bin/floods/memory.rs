//! The most that was resident.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

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
                    seen.fetch_max(resident(process), Ordering::Relaxed);
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

/// What is resident of a process (bytes). To ask for more (`smaps_rollup`) would hold it up each time.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) << 10
}

const EVERY: Duration = Duration::from_millis(50);
