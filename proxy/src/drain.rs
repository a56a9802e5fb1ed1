//! Requests in flight, and the wait for them before the process stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

/// Counts requests in flight.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drain {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    in_flight: AtomicUsize,
    draining: AtomicBool,
    /// Whether another process has taken over.
    is_replaced: AtomicBool,
    idle: Notify,
}

/// One request in flight; gives its place up when dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    state: Arc<State>,
}

impl Drain {
    /// A request begins.
    pub(crate) fn enter(&self) -> Ticket {
        self.state.in_flight.fetch_add(1, Ordering::AcqRel);
        Ticket { state: Arc::clone(&self.state) }
    }

    /// From now on answers close their connections, and the proxy is not ready unless another process is in its place.
    pub(crate) fn begin(&self, is_replaced: bool) {
        self.state.is_replaced.store(is_replaced, Ordering::Release);
        self.state.draining.store(true, Ordering::Release);
    }

    /// Whether the process is about to stop.
    pub(crate) fn is_draining(&self) -> bool {
        self.state.draining.load(Ordering::Acquire)
    }

    /// Whether new requests may be sent to where this process is, or was: to whoever has its place.
    pub(crate) fn is_ready(&self) -> bool {
        !self.is_draining() || self.state.is_replaced.load(Ordering::Acquire)
    }

    /// How many requests are in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.state.in_flight.load(Ordering::Acquire)
    }

    /// Waits until no request is in flight, `deadline` at most. How many were left.
    pub(crate) async fn wait(&self, deadline: Duration) -> usize {
        let idle = async {
            loop {
                let woken = self.state.idle.notified();
                if self.in_flight() == 0 {
                    return;
                }
                woken.await;
            }
        };
        let _ = timeout(deadline, idle).await;
        self.in_flight()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.state.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.state.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_for_the_last_request() {
        let drain = Drain::default();
        let (first, second) = (drain.enter(), drain.enter());
        assert_eq!(drain.wait(Duration::from_millis(20)).await, 2);
        drop(first);
        let waiting = tokio::spawn({
            let drain = drain.clone();
            async move { drain.wait(Duration::from_secs(10)).await }
        });
        tokio::task::yield_now().await;
        drop(second);
        assert_eq!(waiting.await.unwrap(), 0);
    }
}
