//! Processor time: whatever else the machine does, it is not in it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What the calling thread has used so far.
#[must_use]
pub fn of_thread() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or_default(), time.tv_nsec.try_into().unwrap_or_default())
}
