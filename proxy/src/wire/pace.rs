//! How fast a client sends its request.
//!
//! Slow clients hold connections and memory without doing anything (slowloris, slow POST). Over HTTP/1 the connection
//! measures what it reads, without timers in the usual case ([`super::stream`]); over HTTP/2 requests share a connection, so
//! each is watched by itself ([`Pace::too_slow`]).

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use engine::config::ListenerLimits;
use tokio::time::{Instant, sleep, sleep_until};

/// How far a request has come, and how much of its body; written by the request, read by who watches.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    stage: AtomicU8,
    bytes: AtomicU64,
}

/// What a client is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It sends the head of a request, or nothing.
    Head,
    /// It sends a body, if there is one.
    Body,
    /// It gets an answer: from here on the application says how long it takes.
    Answer,
    /// It gets what ends when it pleases both: an upgraded connection, events, gRPC.
    Endless,
}

impl Pace {
    /// What the client is at.
    pub(crate) fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Relaxed) {
            0 => Stage::Head,
            1 => Stage::Body,
            2 => Stage::Answer,
            _ => Stage::Endless,
        }
    }

    /// The request has come this far.
    pub(crate) fn reach(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    /// A part of the body was read (bytes).
    pub(crate) fn advance(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Returns when the body of a request comes too slowly; never once there is an answer.
    pub(super) async fn too_slow(&self, limits: &ListenerLimits) {
        let (begun, mut heard, mut bytes) = (Instant::now(), Instant::now(), 0);
        while matches!(self.stage(), Stage::Head | Stage::Body) {
            sleep(GLANCE_EVERY.min(limits.stall_timeout)).await;
            let so_far = self.bytes.load(Ordering::Relaxed);
            if so_far > bytes {
                (bytes, heard) = (so_far, Instant::now());
            }
            let is_silent = heard.elapsed() >= limits.stall_timeout;
            if matches!(self.stage(), Stage::Head | Stage::Body)
                && (is_silent || is_below(limits, bytes, begun.elapsed()))
            {
                return;
            }
        }
        pending::<()>().await;
    }
}

/// Whether so many bytes in such a time are too few.
pub(super) fn is_below(limits: &ListenerLimits, bytes: u64, time: Duration) -> bool {
    time > limits.rate_grace && bytes < limits.rate_min.saturating_mul(time.as_secs())
}

/// Does `work` unless it takes longer than a request may; `None` then.
pub(super) async fn within<T>(
    work: impl Future<Output = T>,
    limits: &ListenerLimits,
    pace: &Arc<Pace>,
) -> Option<T> {
    let Some(most) = limits.request_timeout else { return Some(work.await) };
    let until = Instant::now() + most;
    let expired = async {
        sleep_until(until).await;
        if pace.stage() == Stage::Endless {
            pending::<()>().await;
        }
    };
    tokio::select! {
        done = work => Some(done),
        () = expired => None,
    }
}

/// How often a request is looked at.
const GLANCE_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> ListenerLimits {
        ListenerLimits {
            stall_timeout: Duration::from_secs(10),
            rate_min: 100,
            rate_grace: Duration::from_secs(5),
            ..ListenerLimits::default()
        }
    }

    /// After how many seconds a body is too slow that comes with so many bytes a second.
    async fn check(rate: usize, expected: Option<u64>) {
        let (pace, begun) = (Arc::new(Pace::default()), Instant::now());
        pace.reach(Stage::Body);
        let sender = Arc::clone(&pace);
        tokio::spawn(async move {
            loop {
                sleep(Duration::from_millis(500)).await;
                sender.advance(rate / 2);
            }
        });
        let limits = limits();
        let watched = tokio::time::timeout(Duration::from_secs(60), pace.too_slow(&limits)).await;
        assert_eq!(watched.ok().map(|()| begun.elapsed().as_secs()), expected, "{rate} bytes a second");
    }

    #[tokio::test(start_paused = true)]
    async fn ends_bodies_that_do_not_come_along() {
        check(0, Some(6)).await;
        check(50, Some(6)).await;
        check(1_000, None).await;
    }

    #[tokio::test(start_paused = true)]
    async fn lets_answers_take_their_time() {
        let pace = Arc::new(Pace::default());
        pace.reach(Stage::Answer);
        let limits = limits();
        assert!(tokio::time::timeout(Duration::from_secs(600), pace.too_slow(&limits)).await.is_err());
        let limits = ListenerLimits { request_timeout: Some(Duration::from_secs(9)), ..limits };
        assert_eq!(within(sleep(Duration::from_secs(8)), &limits, &pace).await, Some(()));
        assert_eq!(within(sleep(Duration::from_secs(10)), &limits, &pace).await, None);
        pace.reach(Stage::Endless);
        assert_eq!(within(sleep(Duration::from_secs(100)), &limits, &pace).await, Some(()));
    }
}
