//! Small writes that leave together, and with the large one behind them.
//!
//! An answer's head is small and its body often is not. Tokio's `BufWriter` sends the one, then the other: two system calls and two
//! packets. Here both go in one.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

/// A writer that gathers small writes until they are flushed, or too many for one packet.
#[derive(Debug)]
pub(super) struct Gather<W> {
    inner: W,
    waiting: Vec<u8>,
    /// How many of the waiting bytes are written.
    written: usize,
}

impl<W: AsyncWrite + Unpin> Gather<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, waiting: Vec::new(), written: 0 }
    }

    pub(super) fn get_ref(&self) -> &W {
        &self.inner
    }

    pub(super) fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// Writes what waits and then `slices`, until some of these are written; how many bytes of them.
    fn poll_with(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        while !self.waiting.is_empty() {
            let waiting = &self.waiting[self.written..];
            let mut all = [IoSlice::new(&[]); SLICES_MAX];
            all[0] = IoSlice::new(waiting);
            let taken = slices.len().min(SLICES_MAX - 1);
            all[1..=taken].copy_from_slice(&slices[..taken]);
            let written = ready!(Pin::new(&mut self.inner).poll_write_vectored(cx, &all[..=taken]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let of_slices = written.checked_sub(waiting.len());
            match of_slices {
                None => self.written += written,
                Some(of_slices) => {
                    self.waiting.clear();
                    self.written = 0;
                    if of_slices > 0 {
                        return Poll::Ready(Ok(of_slices));
                    }
                }
            }
        }
        if slices.is_empty() {
            return Poll::Ready(Ok(0));
        }
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Gather<W> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_with(cx, &[]))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_with(cx, &[]))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        // What is partly written goes on its way.
        if self.written == 0 && self.waiting.len() + length <= PACKET_BYTES {
            slices.iter().for_each(|slice| self.waiting.extend_from_slice(slice));
            return Poll::Ready(Ok(length));
        }
        self.poll_with(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

/// Writes that are gathered (bytes): what fits into one packet.
const PACKET_BYTES: usize = 1_460;
/// Slices that are written at once (count).
const SLICES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixStream;

    use super::*;

    /// What the other side reads at once.
    async fn read(far: &mut UnixStream) -> usize {
        far.read(&mut [0; 16 << 10]).await.expect("read")
    }

    #[tokio::test]
    async fn what_is_small_leaves_with_what_follows() {
        let (near, mut far) = UnixStream::pair().expect("a pair");
        let mut gather = Gather::new(near);
        gather.write_all(b"head").await.expect("written");
        gather.write_all(b"body").await.expect("written");
        gather.flush().await.expect("flushed");
        assert_eq!(read(&mut far).await, 8);
        gather.write_all(b"head").await.expect("written");
        gather.write_all(&[b'b'; 10_000]).await.expect("written");
        assert_eq!(read(&mut far).await, 10_004);
        gather.write_all(b"end").await.expect("written");
        gather.shutdown().await.expect("closed");
        assert_eq!(read(&mut far).await, 3);
    }

    /// A writer that takes a few bytes at a time, and now and then none yet.
    #[derive(Default)]
    struct Slow {
        taken: Vec<u8>,
        turns: usize,
        most: usize,
    }

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.turns += 1;
            if self.turns.is_multiple_of(3) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let length = bytes.len().min(self.most);
            self.taken.extend_from_slice(&bytes[..length]);
            Poll::Ready(Ok(length))
        }

        fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    proptest! {
        #[test]
        fn every_byte_leaves_once_and_in_order(
            lengths in prop::collection::vec(0_usize..4_000, 0..12),
            flushes in prop::collection::vec(any::<bool>(), 12),
            most in 1_usize..3_000,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let mut gather = Gather::new(Slow { most, ..Slow::default() });
            let mut expected = Vec::new();
            runtime.block_on(async {
                for (number, (length, flush)) in lengths.iter().zip(flushes).enumerate() {
                    let bytes: Vec<u8> = (0..*length).map(|at| (at + number) as u8).collect();
                    gather.write_all(&bytes).await.expect("written");
                    expected.extend(bytes);
                    if flush {
                        gather.flush().await.expect("flushed");
                        assert_eq!(gather.get_ref().taken, expected);
                    }
                }
                gather.shutdown().await.expect("closed");
            });
            prop_assert_eq!(&gather.get_ref().taken, &expected);
        }
    }
}
