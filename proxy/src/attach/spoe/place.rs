//! A connection's requests that are not answered yet: so many of one connection, and so many of all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine::config::Spoe;
use pingora::server::ShutdownWatch;
use tokio::sync::Notify;
use transaction::spop::Hello;

use super::Agent;
use crate::drain::Ticket;
use crate::report::Connections;

/// What is known of a connection after its HELLO.
pub(super) struct Peer {
    pub(super) spoe: Arc<Spoe>,
    /// Its largest frame, and so its buffers' size (bytes).
    pub(super) their_frame_bytes: usize,
    /// The largest frame of this connection (bytes).
    pub(super) frame_bytes_max: usize,
    pub(super) counters: Connections,
    /// Requests that are not answered yet (count).
    in_flight: AtomicUsize,
    /// Told when one is.
    answered: Notify,
}

impl Peer {
    pub(super) fn new(spoe: &Arc<Spoe>, hello: &Hello, counters: &Connections) -> Self {
        Self {
            spoe: Arc::clone(spoe),
            their_frame_bytes: hello.frame_bytes_max,
            frame_bytes_max: hello.frame_bytes_max.min(spoe.frame_bytes_max),
            counters: counters.clone(),
            in_flight: AtomicUsize::new(0),
            answered: Notify::new(),
        }
    }

    /// Whether it waits for an answer.
    pub(super) fn waits(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) > 0
    }

    /// Waits until it is time to stop and nothing is left to be answered.
    pub(super) async fn quiet(&self, stopping: &ShutdownWatch) {
        let _ = stopping.clone().wait_for(|stopping| *stopping).await;
        loop {
            let answered = self.answered.notified();
            if !self.waits() {
                return;
            }
            answered.await;
        }
    }
}

/// One request's place among those that are not answered yet, until its answer is written; given up when dropped. The process
/// does not stop before.
pub(super) struct Place {
    pub(super) agent: Arc<Agent>,
    pub(super) peer: Arc<Peer>,
    _ticket: Ticket,
}

impl Place {
    /// A place, if there is one.
    pub(super) fn take(agent: &Arc<Agent>, peer: &Arc<Peer>) -> Option<Self> {
        let place = Self::extra(agent, peer);
        let mine = peer.in_flight.load(Ordering::Acquire);
        let all = agent.in_flight.load(Ordering::Acquire);
        let has_room =
            mine <= peer.spoe.listener.limits.streams_max as usize && all <= peer.spoe.requests_max;
        has_room.then_some(place)
    }

    /// One whether there is room or not.
    pub(super) fn extra(agent: &Arc<Agent>, peer: &Arc<Peer>) -> Self {
        peer.in_flight.fetch_add(1, Ordering::AcqRel);
        agent.in_flight.fetch_add(1, Ordering::AcqRel);
        let ticket = agent.shared.drain.enter();
        Self { agent: Arc::clone(agent), peer: Arc::clone(peer), _ticket: ticket }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.agent.in_flight.fetch_sub(1, Ordering::AcqRel);
        self.peer.in_flight.fetch_sub(1, Ordering::AcqRel);
        self.peer.answered.notify_waiters();
    }
}
