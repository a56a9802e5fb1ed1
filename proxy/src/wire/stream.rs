//! A connection that looks at the head of each request as it is read, and at the framing of its body.

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
use transaction::SyntaxError;
use transaction::wire::{Body, Chunks, Head, HeadScan};

use super::pace::{self, Stage};
use super::{Raw, Shared, line};
use crate::listen::Visit;

/// A connection; the first line that is read of it may be encoded ([`line::encoded`]), and framing that servers
/// differ about ends it.
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
    /// In front of or within a head; what was read of it and not handed out.
    Head(Vec<u8>, HeadScan),
    /// What was read is handed out, from this offset on; then comes the rest.
    Given(Vec<u8>, usize, Rest),
    /// Behind the head.
    Rest(Rest),
}

/// What is behind a head.
enum Rest {
    /// Whatever it is, it goes by.
    Through,
    /// A body in chunks, of which the framing is watched.
    Chunks(Chunks),
    /// Nothing that may be read.
    Broken,
}

impl Rest {
    /// Behind a head, with what was read beyond it; `None` when that is broken already.
    fn new(body: Body, beyond: &[u8]) -> Self {
        match body {
            Body::Sized => Self::Through,
            Body::Chunked => {
                let mut rest = Self::Chunks(Chunks::new());
                rest.watch(beyond);
                rest
            }
        }
    }

    /// Looks at bytes on their way; `false` when they may not go on.
    fn watch(&mut self, bytes: &[u8]) -> bool {
        if let Self::Chunks(chunks) = self {
            match chunks.push(bytes) {
                Ok(None) => {}
                Ok(Some(_)) => *self = Self::Through,
                Err(_) => *self = Self::Broken,
            }
        }
        !matches!(self, Self::Broken)
    }
}

impl WireStream {
    /// A connection at the beginning of a request.
    pub(super) fn new(inner: Stream, shared: Shared, visit: Visit) -> Self {
        Self {
            inner,
            shared,
            visit,
            state: State::Head(Vec::new(), HeadScan::new()),
            reading: Reading::default(),
        }
    }

    /// The connection for its next request; `None` when it is another kind of connection, or when something of the
    /// last answer still waits.
    pub(super) fn rearmed(stream: Stream) -> Option<Stream> {
        let mut stream = stream.into_any().downcast::<Self>().ok()?;
        if stream.shared.gate.is_engaged() {
            return None;
        }
        // A head is read whole or the connection is closed, so nothing is lost.
        stream.state = State::Head(Vec::new(), HeadScan::new());
        stream.shared.seen.begin();
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

    /// Reads on in a body in chunks. Of what came with a fault in it, nothing goes on.
    fn poll_chunks(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        ready!(self.poll_inner(cx, out))?;
        let State::Rest(rest) = &mut self.state else { return Poll::Ready(Ok(())) };
        if rest.watch(&out.filled()[before..]) {
            return Poll::Ready(Ok(()));
        }
        out.set_filled(before);
        Poll::Ready(Err(self.broken()))
    }

    /// The error that ends a request with a broken body.
    fn broken(&self) -> io::Error {
        self.shared.seen.break_off();
        io::Error::new(io::ErrorKind::InvalidData, "broken chunks")
    }

    /// Reads on in a head. `true` when `out` has what came, as it came; `false` when it was kept.
    fn poll_head(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = out.filled().len();
        ready!(self.poll_inner(cx, out))?;
        let most = self.visit.client.listener.listener.limits.head_bytes_max;
        let State::Head(kept, scan) = &mut self.state else { return Poll::Ready(Ok(false)) };
        let fresh = &out.filled()[before..];
        if fresh.is_empty() {
            // The connection ends; what was kept of a head is for Pingora to make nothing of.
            let is_idle = kept.is_empty();
            self.state = State::Given(std::mem::take(kept), 0, Rest::Through);
            return Poll::Ready(Ok(is_idle));
        }
        let is_first = kept.is_empty();
        if !is_first {
            kept.extend_from_slice(fresh);
        }
        let read = if is_first { fresh } else { kept.as_slice() };
        let found = match scan.advance(read) {
            Head::Partial if read.len() > most => Head::Faulty(SyntaxError::Size),
            found => found,
        };
        match found {
            Head::Partial if is_first => kept.extend_from_slice(fresh),
            Head::Partial => {}
            Head::Whole { end, body } => {
                self.shared.seen.give();
                let encoded = line::find(&read[..end])
                    .and_then(|line| line::encoded(&read[line.clone()]).map(|encoded| (line, encoded)));
                let rest = Rest::new(body, &read[end..]);
                // Of a broken body Pingora hears when it reads on.
                let length = if matches!(rest, Rest::Broken) { end } else { read.len() };
                if is_first && encoded.is_none() {
                    out.set_filled(before + length);
                    self.state = State::Rest(rest);
                    return Poll::Ready(Ok(true));
                }
                let mut read = read[..length].to_vec();
                if let Some((line, encoded)) = encoded {
                    let raw = &read[line.clone()];
                    self.shared.seen.set(Raw::Line(raw.strip_suffix(b"\r").unwrap_or(raw).to_vec()));
                    read.splice(line, encoded);
                }
                self.state = State::Given(read, 0, rest);
            }
            Head::Faulty(fault) => {
                self.shared.seen.give();
                self.shared.seen.set(Raw::Head(read.to_vec(), fault));
                self.state = State::Given(STAND_IN.to_vec(), 0, Rest::Through);
            }
        }
        out.set_filled(before);
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
                State::Head(..) => {
                    if ready!(self.poll_head(cx, out))? {
                        return Poll::Ready(Ok(()));
                    }
                }
                State::Given(read, at, rest) => {
                    if *at == read.len() {
                        self.state = State::Rest(std::mem::replace(rest, Rest::Through));
                        continue;
                    }
                    let given = out.remaining().min(read.len() - *at);
                    out.put_slice(&read[*at..*at + given]);
                    *at += given;
                    return Poll::Ready(Ok(()));
                }
                State::Rest(Rest::Through) => return self.poll_inner(cx, out),
                State::Rest(Rest::Chunks(_)) => return self.poll_chunks(cx, out),
                State::Rest(Rest::Broken) => return Poll::Ready(Err(self.broken())),
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
/// What Pingora gets in place of a head that has to be refused. Its body never ends, so that nobody takes what follows for
/// another request, and what the client still sends is read for a while once it has its answer.
const STAND_IN: &[u8] =
    b"POST / HTTP/1.1\r\nHost: -\r\nConnection: close\r\nContent-Length: 9223372036854775807\r\n\r\n";
