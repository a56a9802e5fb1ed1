//! A client's socket, as Pingora wants streams to be.
//!
//! Pingora's own has a read buffer of 64 KiB for each connection, idle ones included; here bytes are read to where they
//! are needed. Small writes are gathered until they are flushed, as there, and leave with what follows ([`Gather`]).

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::gather::Gather;

/// A client's socket.
#[derive(Debug)]
pub(super) struct ClientSocket {
    stream: Gather<Raw>,
    /// What was read and put back, from this offset on.
    unread: (Vec<u8>, usize),
    digest: Arc<SocketDigest>,
}

/// A socket of either kind.
#[derive(Debug)]
enum Raw {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl ClientSocket {
    /// A connection from this address.
    pub(super) fn of_tcp(stream: TcpStream, peer: SocketAddr) -> Self {
        // Answers must not wait for acknowledgements. It fails when the client is gone, which is seen soon enough.
        let _ = stream.set_nodelay(true);
        Self::new(Raw::Tcp(stream), Some(peer))
    }

    /// A connection by a unix socket.
    pub(super) fn of_unix(stream: UnixStream) -> Self {
        Self::new(Raw::Unix(stream), None)
    }

    fn new(raw: Raw, peer: Option<SocketAddr>) -> Self {
        let digest = SocketDigest::from_raw_fd(raw.as_raw_fd());
        let _ = digest.peer_addr.set(peer.map(Into::into));
        Self { stream: Gather::new(raw), unread: (Vec::new(), 0), digest: Arc::new(digest) }
    }

    /// Puts bytes back that were read, in front of all others.
    pub(super) fn unread(&mut self, mut bytes: Vec<u8>) {
        bytes.extend_from_slice(&self.unread.0[self.unread.1..]);
        self.unread = (bytes, 0);
    }

    /// Notes who the client is, in place of who connected.
    pub(super) fn introduce(&mut self, source: SocketAddr, destination: SocketAddr) {
        let digest = SocketDigest::from_raw_fd(self.stream.get_ref().as_raw_fd());
        let _ = digest.peer_addr.set(Some(source.into()));
        let _ = digest.local_addr.set(Some(destination.into()));
        self.digest = Arc::new(digest);
    }
}

impl AsRawFd for Raw {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Tcp(stream) => stream.as_raw_fd(),
            Self::Unix(stream) => stream.as_raw_fd(),
        }
    }
}

impl AsyncRead for Raw {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, out),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, out),
        }
    }
}

impl AsyncWrite for Raw {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

impl AsyncRead for ClientSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (bytes, at) = &mut self.unread;
        if bytes.is_empty() {
            return Pin::new(self.stream.get_mut()).poll_read(cx, out);
        }
        let given = out.remaining().min(bytes.len() - *at);
        out.put_slice(&bytes[*at..*at + given]);
        *at += given;
        if *at == bytes.len() {
            self.unread = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientSocket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

#[async_trait]
impl Shutdown for ClientSocket {
    async fn shutdown(&mut self) {
        if let Err(error) = self.stream.shutdown().await {
            tracing::debug!(%error, "client gone before its connection was closed");
        }
    }
}

#[async_trait]
impl Peek for ClientSocket {
    async fn try_peek(&mut self, bytes: &mut [u8]) -> io::Result<bool> {
        let (mut read, from) = std::mem::take(&mut self.unread);
        read.drain(..from);
        // More than is asked for, as it will be wanted soon.
        read.reserve(PEEKED_BYTES);
        let mut is_open = true;
        while is_open && read.len() < bytes.len() {
            is_open = self.stream.get_mut().read_buf(&mut read).await? > 0;
        }
        let whole = read.get(..bytes.len()).map(|start| bytes.copy_from_slice(start));
        self.unread = (read, 0);
        Ok(whole.is_some())
    }
}

impl UniqueID for ClientSocket {
    fn id(&self) -> UniqueIDType {
        self.stream.get_ref().as_raw_fd()
    }
}

impl Ssl for ClientSocket {}

impl GetTimingDigest for ClientSocket {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        vec![Some(TimingDigest::default())]
    }
}

impl GetProxyDigest for ClientSocket {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl GetSocketDigest for ClientSocket {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        Some(Arc::clone(&self.digest))
    }
}

/// How much is read at least when something is peeked at (bytes).
const PEEKED_BYTES: usize = 2 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_peeked_at_is_read_again() {
        let (near, mut far) = UnixStream::pair().expect("a pair");
        let mut socket = ClientSocket::of_unix(near);
        far.write_all(b"GET / HTTP/1.1").await.expect("written");
        let mut start = [0; 3];
        assert!(socket.try_peek(&mut start[..1]).await.expect("read"));
        assert!(socket.try_peek(&mut start).await.expect("read"));
        assert_eq!(&start, b"GET");
        socket.unread(b"0123".to_vec());
        drop(far);
        let mut rest = String::new();
        assert!(!socket.try_peek(&mut [0; 100]).await.expect("its end"), "not as much as that");
        socket.read_to_string(&mut rest).await.expect("read");
        assert_eq!(rest, "0123GET / HTTP/1.1");
    }
}
