//! A connection that comes back from who serves it.
//!
//! Who serves HTTP/2 says what there is to say, shuts down the way to the peer, and drops the connection. If the peer writes
//! once more then (that it has heard, or has more room), a closed socket answers with an error, and Envoy acts on that before it reads
//! what was said last: the last verdict would be lost. So the connection is read until the peer closes it as well, as
//! nginx's `lingering_close` does.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pingora::protocols::Stream;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// A connection that is given back when it is dropped.
pub(super) struct Lent {
    stream: Option<Stream>,
    back: Option<oneshot::Sender<Stream>>,
}

/// Where it comes back.
pub(super) struct Back(oneshot::Receiver<Stream>);

/// Lends a connection.
pub(super) fn lend(stream: Stream) -> (Lent, Back) {
    let (sender, receiver) = oneshot::channel();
    (Lent { stream: Some(stream), back: Some(sender) }, Back(receiver))
}

impl Back {
    /// Reads what the peer still says, until it closes the connection or has had its time.
    pub(super) async fn linger(mut self) {
        let Ok(mut stream) = self.0.try_recv() else { return };
        let mut bytes = [0; 1_024];
        let reading = async { while matches!(stream.read(&mut bytes).await, Ok(1..)) {} };
        let _ = timeout(LINGER, reading).await;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(stream), Some(back)) = (self.stream.take(), self.back.take()) {
            // If nobody waits for it, it is closed.
            drop(back.send(stream));
        }
    }
}

impl Lent {
    fn stream(&mut self) -> io::Result<Pin<&mut Stream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for Lent {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(cx, bytes)
    }
}

impl AsyncWrite for Lent {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }
}

/// How long who asked may take to close a connection that is over.
const LINGER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn who_writes_after_the_end_still_reads_it() {
        let (here, mut peer) = tokio::io::duplex(64);
        let (mut lent, back) = lend(Box::new(here));
        lent.write_all(b"last").await.expect("room");
        lent.shutdown().await.expect("open");
        drop(lent);
        let lingering = tokio::spawn(back.linger());
        peer.write_all(b"heard").await.expect("not closed");
        let mut said = String::new();
        peer.read_to_string(&mut said).await.expect("not cut off");
        assert_eq!(said, "last");
        drop(peer);
        lingering.await.expect("no panic");
    }
}
