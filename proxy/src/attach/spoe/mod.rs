//! HAProxy's agent: HAProxy tells of each request over SPOP, and is answered with variables that its rules go by.
//!
//! | step | file |
//! |---|---|
//! | a connection, from HELLO to DISCONNECT | here |
//! | frames as they come, and payloads of several of them | [`frames`], [`notify`] |
//! | how many may be asked about at once | [`place`] |
//! | what the request was | [`question`] |
//! | what is thought of it | [`super::Asked`] |
//! | what HAProxy is told | [`answer`] |
//! | what HAProxy passed, or refused, unasked | [`missed`] |
//!
//! What HAProxy waits for is bounded: requests of one connection and of all of them. One too many is not queued but shed:
//! HAProxy is told at once that nobody looked, and does what it does where nobody answers.

mod answer;
mod frames;
mod missed;
mod notify;
mod place;
mod question;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use pingora::protocols::Stream;
use pingora::server::ShutdownWatch;
use tokio::io::{AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use transaction::spop::{self, Frame, Hello, Kind, Wrong};

use super::{Asked, asked};
use crate::listen::{Connection, Front};
use crate::report::Connections;
use crate::state::Shared;
use frames::{Ended, Incoming};
use missed::Missed;
use notify::{Assembly, Whole};
use place::{Peer, Place};

/// Answers HAProxy.
pub(crate) struct Agent {
    shared: Arc<Shared>,
    /// Requests that are being judged, of all connections (count).
    in_flight: AtomicUsize,
    missed: Missed,
    is_closing: AtomicBool,
    closing: Notify,
}

/// An answer on its way.
struct Answer {
    frame: Vec<u8>,
    _place: Place,
}

impl Agent {
    /// Judges with what is shared with reload and admin.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            in_flight: AtomicUsize::new(0),
            missed: Missed::default(),
            is_closing: AtomicBool::new(false),
            closing: Notify::new(),
        }
    }

    /// No more connections will come: those that are idle are closed, others as soon as they are answered.
    pub(crate) fn finish(&self) {
        self.is_closing.store(true, Ordering::Release);
        self.closing.notify_waiters();
    }

    async fn closing(&self) {
        let told = self.closing.notified();
        if !self.is_closing.load(Ordering::Acquire) {
            told.await;
        }
    }

    /// Answers all that a connection asks.
    pub(crate) async fn serve(self: &Arc<Self>, connection: Connection, stopping: &ShutdownWatch) {
        let Front::Spoe(spoe) = &connection.client.listener.front else { return };
        let (spoe, counters) = (Arc::clone(spoe), connection.client.counters.clone());
        if !spoe.gateways.contains(address(&connection.stream)) {
            asked::turned_away(&self.shared, NAME, "unauthorized");
            return counters.refused("unauthorized");
        }
        let limits = &spoe.listener.limits;
        let (stall, streams_max) = (limits.stall_timeout, limits.streams_max as usize);
        let (from, mut to) = tokio::io::split(connection.stream);
        let mut incoming = Incoming::new(from, spoe.frame_bytes_max, stall, limits.keepalive_timeout);
        let is_leaving = !self.shared.drain.is_ready();
        let introduced = introduce(&mut incoming, &mut to, spoe.frame_bytes_max, is_leaving);
        let hello = match timeout(limits.handshake_timeout, introduced).await {
            Ok(Ok(hello)) if hello.is_check => return,
            Ok(Ok(hello)) => hello,
            Ok(Err(error)) => return refused(&counters, error),
            Err(_) => return counters.refused("handshake-timeout"),
        };
        let peer = Arc::new(Peer::new(&spoe, &hello, &counters));
        incoming.agree_on(peer.frame_bytes_max);
        let (answers, waiting) = mpsc::channel(streams_max + 1);
        let mut writing = pin!(write(to, waiting, stall));
        let ended = {
            let reading = pin!(self.read(incoming, &peer, answers, stopping));
            tokio::select! {
                biased;
                // Nobody takes what is answered.
                _ = &mut writing => return counters.refused("stalled"),
                ended = reading => ended,
            }
        };
        // What is being judged is answered before the connection ends.
        let Some(mut to) = writing.await else { return };
        let why = match ended {
            Ended::Closed => return,
            Ended::Quiet => None,
            Ended::Wrong(wrong) => {
                refused(&counters, ended);
                Some(wrong)
            }
        };
        let _ = timeout(stall, send(&mut to, &spop::agent_disconnect(why))).await;
    }

    /// Takes frames until there are no more. Why there are none.
    async fn read(
        self: &Arc<Self>,
        mut incoming: Incoming<ReadHalf<Stream>>,
        peer: &Arc<Peer>,
        answers: mpsc::Sender<Answer>,
        stopping: &ShutdownWatch,
    ) -> Ended {
        let mut assembly = Assembly::new(peer.spoe.frame_bytes_max);
        let mut closing = pin!(self.closing());
        let mut quiet = pin!(peer.quiet(stopping));
        loop {
            let next = tokio::select! {
                biased;
                () = &mut closing => return Ended::Quiet,
                next = incoming.next(assembly.is_begun()) => next,
                () = &mut quiet => return Ended::Quiet,
            };
            let taken = match next {
                Ok(bytes) => self.take(&bytes, &mut assembly, peer, &answers),
                // HAProxy waits for an answer, and we for nothing.
                Err(Ended::Quiet) if peer.waits() => continue,
                Err(ended) => return ended,
            };
            if let Err(ended) = taken {
                return ended;
            }
        }
    }

    /// One frame.
    fn take(
        self: &Arc<Self>,
        bytes: &bytes::Bytes,
        assembly: &mut Assembly,
        peer: &Arc<Peer>,
        answers: &mpsc::Sender<Answer>,
    ) -> Result<(), Ended> {
        let frame = Frame::read(bytes).map_err(Ended::Wrong)?;
        match frame.kind {
            Kind::Unknown => Ok(()),
            Kind::Hello => Err(Ended::Wrong(Wrong::Invalid)),
            Kind::Disconnect => {
                let code = spop::disconnected(frame.payload);
                if code != 0 {
                    tracing::debug!(code, "HAProxy ends a connection");
                }
                Err(Ended::Quiet)
            }
            Kind::Notify | Kind::More => {
                if let Some(whole) = assembly.add(&frame, bytes).map_err(Ended::Wrong)? {
                    self.ask(whole, peer, answers);
                }
                Ok(())
            }
        }
    }

    /// Has a request judged beside those that come.
    fn ask(self: &Arc<Self>, whole: Whole, peer: &Arc<Peer>, answers: &mpsc::Sender<Answer>) {
        let Some(place) = Place::take(self, peer) else {
            asked::turned_away(&self.shared, NAME, "shed");
            peer.counters.shed();
            let frame = answer::shed(&whole, peer.frame_bytes_max);
            // Where there is no room for it, HAProxy takes nothing and waits in vain, as it knows.
            let _ = answers.try_send(Answer { frame, _place: Place::extra(self, peer) });
            return;
        };
        let answers = answers.clone();
        tokio::spawn(async move {
            let frame = place.agent.judge(&whole, &place.peer).await;
            let _ = answers.send(Answer { frame, _place: place }).await;
        });
    }

    /// What a request is answered with.
    async fn judge(&self, whole: &Whole, peer: &Peer) -> Vec<u8> {
        let clients = &peer.spoe.listener.clients;
        let read = question::read(whole, clients, peer.their_frame_bytes);
        let question = match read {
            Ok(question) => question,
            Err(error) => {
                asked::not_understood(&self.shared, NAME, &error);
                return answer::unreadable(whole, peer.frame_bytes_max);
            }
        };
        let counted = question.missed.as_ref().map(|said| {
            let requests = self.missed.news(said);
            self.shared.running.load().reports.metrics().attachments.missed(NAME, "unanswered", requests);
            said.total
        });
        let mut asked = Asked::new(&self.shared, NAME);
        let form = question.form;
        let clean = asked.head(question.told).await && asked.piece(&question.body);
        if let Some(bytes) = question.cut
            && clean
        {
            asked.miss(transaction::Shortfall::BodyCut, bytes);
        }
        let conclusion = asked.conclusion();
        let is_hostile = conclusion.verdict != "pass" || conclusion.refused.is_some();
        let rules = if is_hostile { asked.rules(RULES_MAX) } else { Vec::new() };
        // What the application answers is not known here.
        let status = conclusion.refused.as_ref().map_or(0, |refused| answer::told_status(refused.status));
        asked.close(status, if conclusion.refused.is_some() { "refused" } else { "passed" });
        answer::of(whole, conclusion, &rules, form, counted, peer.frame_bytes_max)
    }
}

/// HELLO and the answer to it. Who looks if somebody is there learns early that this process stops.
async fn introduce(
    incoming: &mut Incoming<ReadHalf<Stream>>,
    to: &mut WriteHalf<Stream>,
    frame_bytes_max: usize,
    is_leaving: bool,
) -> Result<Hello, Ended> {
    let bytes = incoming.next(true).await?;
    let hello = Frame::read(&bytes).and_then(|frame| match frame.kind {
        Kind::Hello => Hello::read(frame.payload),
        _ => Err(Wrong::Invalid),
    });
    let answer = match &hello {
        Ok(hello) if hello.is_check && is_leaving => spop::agent_disconnect(None),
        Ok(hello) => spop::agent_hello(hello, frame_bytes_max),
        Err(wrong) => spop::agent_disconnect(Some(*wrong)),
    };
    send(to, &answer).await.map_err(|_| Ended::Closed)?;
    hello.map_err(Ended::Wrong)
}

/// Writes answers until nobody has any more; where that may go on. `None` when nobody takes them.
async fn write(
    mut to: WriteHalf<Stream>,
    mut answers: mpsc::Receiver<Answer>,
    stall: Duration,
) -> Option<WriteHalf<Stream>> {
    let mut waiting = Vec::with_capacity(ANSWERS_AT_ONCE);
    loop {
        if answers.recv_many(&mut waiting, ANSWERS_AT_ONCE).await == 0 {
            return Some(to);
        }
        let bytes: Vec<u8> = waiting.iter().flat_map(|answer| &answer.frame).copied().collect();
        let sent = timeout(stall, send(&mut to, &bytes)).await;
        waiting.clear();
        if !matches!(sent, Ok(Ok(()))) {
            return None;
        }
    }
}

async fn send(to: &mut WriteHalf<Stream>, bytes: &[u8]) -> std::io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}

fn refused(counters: &Connections, why: Ended) {
    match why {
        Ended::Closed => {}
        Ended::Quiet => counters.refused("handshake-timeout"),
        Ended::Wrong(wrong) => counters.strange("spop", wrong.text()),
    }
}

/// Who connected; `None` for a unix socket.
fn address(stream: &Stream) -> Option<std::net::IpAddr> {
    let digest = stream.get_socket_digest()?;
    Some(digest.peer_addr()?.as_inet()?.ip().to_canonical())
}

/// The name of the front, for records and metrics.
pub(crate) const NAME: &str = "spoe";
/// Rules that HAProxy is told of at most (count).
const RULES_MAX: usize = 20;
/// Answers that leave together at most (count).
const ANSWERS_AT_ONCE: usize = 32;
