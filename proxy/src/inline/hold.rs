//! The request body before any upstream hears of the request.
//!
//! Up to `hold_bytes_max` are read and judged here, so a refused request never leaves the proxy. A body of at
//! most 64 KiB may then go the usual way, because Pingora keeps that much for retries and sends it itself; what
//! is longer is not in that buffer any more and goes through [`super::relay`], as does a request whose answer has to
//! be withheld.

use std::collections::VecDeque;

use bytes::Bytes;
use pingora::Error;
use pingora::protocols::http::ServerSession;
use pingora::proxy::Session;

use super::exchange::Exchange;

/// What was read of a body and not sent on.
#[derive(Debug, Default)]
pub(super) struct Held {
    chunks: VecDeque<Bytes>,
    bytes: usize,
}

/// What became of a body.
#[derive(Debug)]
pub(super) enum Admission {
    /// Judged to its end and found clean. These bytes have to be sent, unless they are `buffered`: then Pingora can
    /// send them too.
    Whole { held: Held, buffered: bool },
    /// Longer than may be held; these bytes were judged, the rest is still to come.
    Part(Held),
    /// Refused.
    Refused,
}

impl Held {
    /// Adds a chunk at the end.
    pub(super) fn push(&mut self, chunk: Bytes) {
        self.bytes += chunk.len();
        self.chunks.push_back(chunk);
    }

    /// Takes the oldest chunk.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        let chunk = self.chunks.pop_front()?;
        self.bytes -= chunk.len();
        Some(chunk)
    }

    /// All of it in one piece; `None` when it is nothing.
    pub(super) fn joined(self) -> Option<Bytes> {
        match self.chunks.len() {
            0 | 1 => self.chunks.into_iter().next(),
            _ => Some(self.chunks.into_iter().flatten().collect()),
        }
    }

    /// How many bytes are held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Length of the oldest chunk.
    pub(super) fn first_bytes(&self) -> usize {
        self.chunks.front().map_or(0, Bytes::len)
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }
}

/// Reads and judges the body until it ends or more of it came than may be held.
pub(super) async fn admit(session: &mut Session, exchange: &mut Exchange) -> pingora::Result<Admission> {
    invite(session.as_downstream_mut()).await?;
    session.as_downstream_mut().enable_retry_buffering();
    let mut held = Held::default();
    while let Some(chunk) = session.as_downstream_mut().read_request_body().await.map_err(Error::into_down)? {
        if !exchange.judge_chunk(&chunk) {
            return Ok(Admission::Refused);
        }
        held.push(chunk);
        exchange.judging.running.reports.metrics().held(held.bytes());
        // A body that ends with this chunk is judged whole, whatever its length.
        if held.bytes() > exchange.judging.plan.hold_bytes_max && !session.is_body_done() {
            return Ok(Admission::Part(held));
        }
    }
    if !exchange.judging.judge_end() {
        return Ok(Admission::Refused);
    }
    exchange.rewind();
    let buffered = !session.as_downstream().retry_buffer_truncated();
    Ok(Admission::Whole { held, buffered })
}

/// A client that expects a 100 (Continue) waits for it before it sends the body (RFC 9110 section 10.1.1).
pub(crate) async fn invite(session: &mut ServerSession) -> pingora::Result<()> {
    let expects = session
        .get_header(http::header::EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if expects {
        // Pingora would close the connection after any head that is written before the body was read.
        session.set_close_on_response_before_downstream_finish(false);
        let invited = session.write_continue_response().await;
        session.set_close_on_response_before_downstream_finish(true);
        invited?;
    }
    Ok(())
}
