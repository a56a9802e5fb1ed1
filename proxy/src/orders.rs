//! Orders to threads that may wait for a disk: who gives one does not wait as long as they do.

use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

/// How long a thread may take to do what it is told, at a reload, when another process takes over and at the end.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Tells a thread something and waits until it is done, `limit` at most. Whether it was done, or the thread has ended before.
pub(crate) fn order<T>(
    queue: &SyncSender<T>,
    limit: Duration,
    order: impl FnOnce(SyncSender<()>) -> T,
) -> bool {
    let until = Instant::now() + limit;
    let (done, answer) = sync_channel(1);
    let mut order = order(done);
    loop {
        match queue.try_send(order) {
            Ok(()) => break,
            Err(TrySendError::Disconnected(_)) => return true,
            Err(TrySendError::Full(_)) if Instant::now() >= until => return false,
            Err(TrySendError::Full(back)) => order = back,
        }
        std::thread::sleep(AGAIN_AFTER);
    }
    answer.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok()
}

/// After how long an order is tried again for which there is no room in the queue.
const AGAIN_AFTER: Duration = Duration::from_millis(10);
