//! A connection that looks at the first line of each request as it is read.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use std::{fmt, io};

use async_trait::async_trait;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::{SslDigest, TlsRef};
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream,
    TimingDigest, UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Sleep, sleep, timeout};

use super::pace::{self, Stage};
use super::{Shared, line};
use crate::listen::Visit;

/// A connection; the first line that is read of it may be encoded ([`line::encoded`]).
pub(super) struct WireStream {
    inner: Stream,
    shared: Shared,
    visit: Visit,
    state: State,
    reading: Reading,
}

/// How much of a request was read, and since when.
#[derive(Default)]
struct Reading {
    bytes: usize,
    /// When the body began.
    since: Option<Instant>,
    /// Ends the wait for the head. There is none where it comes in one piece, as it mostly does.
    patience: Option<Pin<Box<Sleep>>>,
}

/// Where reading is.
enum State {
    /// In front of or within a request line; what was read of it.
    Line(Vec<u8>),
    /// What was read is handed out, from this offset on.
    Given(Vec<u8>, usize),
    /// Behind the line.
    Through,
}

impl WireStream {
    /// A connection at the beginning of a request.
    pub(super) fn new(inner: Stream, shared: Shared, visit: Visit) -> Self {
        Self { inner, shared, visit, state: State::Line(Vec::new()), reading: Reading::default() }
    }

    /// The connection for its next request; `None` when it is another kind of connection, or when something of the
    /// last answer still waits.
    pub(super) fn rearmed(stream: Stream) -> Option<Stream> {
        let mut stream = stream.into_any().downcast::<Self>().ok()?;
        if stream.shared.gate.is_engaged() {
            return None;
        }
        // A line is read whole or the connection is closed, so nothing is lost.
        stream.state = State::Line(Vec::new());
        stream.reading = Reading::default();
        stream.visit.pace.reach(Stage::Head);
        Some(stream)
    }

    /// Writes what waited for the gate to open.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.shared.gate.is_engaged() {
            self.shared.gate.poll_drain(cx, &mut self.inner)
        } else {
            Poll::Ready(Ok(()))
        }
    }

    /// Reads of the connection, and gives up a client that sends too slowly.
    fn poll_inner(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        let stage = self.visit.pace.stage();
        match Pin::new(&mut self.inner).poll_read(cx, out) {
            Poll::Pending if stage == Stage::Head && self.reading.bytes > 0 => self.poll_patience(cx),
            Poll::Ready(Ok(())) => {
                let fresh = out.filled().len() - before;
                Poll::Ready(self.weigh(stage, fresh))
            }
            other => other,
        }
    }

    /// Waits for the rest of a head, as long as it may take.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let most = self.visit.client.listener.listener.limits.head_timeout;
        let patience = self.reading.patience.get_or_insert_with(|| Box::pin(sleep(most)));
        ready!(patience.as_mut().poll(cx));
        Poll::Ready(Err(self.give_up("slow-head")))
    }

    /// Counts what was read of a request.
    fn weigh(&mut self, stage: Stage, fresh: usize) -> io::Result<()> {
        let limits = &self.visit.client.listener.listener.limits;
        match stage {
            Stage::Head => {
                self.reading.bytes += fresh;
                // What is a little too large is answered (431); who goes on is not.
                let is_flood = self.reading.bytes > limits.head_bytes_max.saturating_mul(2) + LINE_BYTES_MAX;
                if is_flood { Err(self.give_up("large-head")) } else { Ok(()) }
            }
            Stage::Body => {
                let since = *self.reading.since.get_or_insert_with(|| {
                    self.reading.bytes = 0;
                    Instant::now()
                });
                self.reading.bytes += fresh;
                let is_slow = pace::is_below(limits, self.reading.bytes as u64, since.elapsed());
                if is_slow { Err(self.give_up("slow-body")) } else { Ok(()) }
            }
            Stage::Answer | Stage::Endless => Ok(()),
        }
    }

    fn give_up(&self, reason: &str) -> io::Error {
        self.visit.client.counters.refused(reason);
        io::Error::new(io::ErrorKind::TimedOut, reason.to_owned())
    }

    /// Reads on in a line. `true` when `out` has what came, as it came; `false` when it was kept.
    fn poll_line(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = out.filled().len();
        ready!(self.poll_inner(cx, out))?;
        let State::Line(kept) = &mut self.state else { return Poll::Ready(Ok(false)) };
        let fresh = &out.filled()[before..];
        let is_end = fresh.is_empty();
        if kept.is_empty() {
            match line::find(fresh) {
                Some(line) if line::encoded(&fresh[line.clone()]).is_none() => {
                    self.state = State::Through;
                    return Poll::Ready(Ok(true));
                }
                None if is_end => return Poll::Ready(Ok(true)),
                _ => {}
            }
        }
        kept.extend_from_slice(fresh);
        out.set_filled(before);
        let found = line::find(kept);
        if found.is_none() && !is_end && kept.len() <= LINE_BYTES_MAX {
            return Poll::Ready(Ok(false));
        }
        let mut read = std::mem::take(kept);
        if let Some(line) = found
            && let Some(encoded) = line::encoded(&read[line.clone()])
        {
            let raw = &read[line.clone()];
            self.shared.line.set(raw.strip_suffix(b"\r").unwrap_or(raw));
            read.splice(line, encoded);
        }
        self.state = State::Given(read, 0);
        Poll::Ready(Ok(false))
    }
}

impl AsyncRead for WireStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            match &mut self.state {
                State::Line(_) => {
                    if ready!(self.poll_line(cx, out))? {
                        return Poll::Ready(Ok(()));
                    }
                }
                State::Given(read, at) => {
                    let given = out.remaining().min(read.len() - *at);
                    out.put_slice(&read[*at..*at + given]);
                    *at += given;
                    if *at == read.len() {
                        self.state = State::Through;
                    }
                    return Poll::Ready(Ok(()));
                }
                State::Through => return self.poll_inner(cx, out),
            }
        }
    }
}

impl AsyncWrite for WireStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.shared.gate.is_engaged() {
            if self.shared.gate.keeps([bytes]) {
                return Poll::Ready(Ok(bytes.len()));
            }
            ready!(self.poll_drain(cx))?;
        }
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.shared.gate.is_engaged() {
            if self.shared.gate.keeps(slices.iter().map(|slice| &**slice)) {
                return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
            }
            ready!(self.poll_drain(cx))?;
        }
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

impl fmt::Debug for WireStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl Shutdown for WireStream {
    async fn shutdown(&mut self) {
        if self.shared.gate.is_engaged() && timeout(LAST_WORDS_MAX, AsyncWriteExt::flush(self)).await.is_err()
        {
            tracing::debug!("client does not take its answer");
        }
        Shutdown::shutdown(&mut *self.inner).await;
    }
}

impl UniqueID for WireStream {
    fn id(&self) -> UniqueIDType {
        self.inner.id()
    }
}

impl Ssl for WireStream {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.inner.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.inner.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.inner.selected_alpn_proto()
    }
}

/// Nobody peeks behind the protocol's choice.
impl Peek for WireStream {}

impl GetTimingDigest for WireStream {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.inner.get_timing_digest()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.inner.get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.inner.get_write_pending_time()
    }
}

impl GetProxyDigest for WireStream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.visit.to_digest()
    }
}

impl GetSocketDigest for WireStream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.get_socket_digest()
    }

    fn set_socket_digest(&mut self, digest: SocketDigest) {
        self.inner.set_socket_digest(digest);
    }
}

/// How long a client may take for what is still to be written when its connection is closed.
const LAST_WORDS_MAX: Duration = Duration::from_secs(5);
/// The longest start of a request that is looked at (bytes); Pingora refuses heads not much longer.
const LINE_BYTES_MAX: usize = 64 << 10;
