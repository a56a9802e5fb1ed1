//! Frames as they come from a connection.

use std::io;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::timeout;
use transaction::spop::Wrong;

/// Why there are no more frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The other side is gone, or does not go on with a frame.
    Closed,
    /// Nothing came for as long as a connection may be idle, or it is time to end it.
    Quiet,
    /// What came is wrong.
    Wrong(Wrong),
}

/// Takes frames apart.
pub(super) struct Incoming<R> {
    from: R,
    read: BytesMut,
    frame_bytes_max: usize,
    stall: Duration,
    idle: Duration,
}

impl<R: AsyncRead + Unpin> Incoming<R> {
    pub(super) fn new(from: R, frame_bytes_max: usize, stall: Duration, idle: Duration) -> Self {
        Self { from, read: BytesMut::new(), frame_bytes_max, stall, idle }
    }

    /// From now on a frame has so many bytes at most.
    pub(super) fn agree_on(&mut self, frame_bytes_max: usize) {
        self.frame_bytes_max = frame_bytes_max;
    }

    /// The next frame, without its length. `is_owed` says that it has to come soon. What was read stays when this is given up.
    pub(super) async fn next(&mut self, is_owed: bool) -> Result<Bytes, Ended> {
        loop {
            if let Some(frame) = self.split()? {
                return Ok(frame);
            }
            let is_idle = self.read.is_empty() && !is_owed;
            let within = if is_idle { self.idle } else { self.stall };
            self.read.reserve(PIECE_BYTES);
            match timeout(within, self.from.read_buf(&mut self.read)).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0)) => return Err(Ended::Closed),
                Ok(Err(error)) => return Err(gone(&error)),
                Err(_) if is_idle => return Err(Ended::Quiet),
                Err(_) => return Err(Ended::Closed),
            }
        }
    }

    fn split(&mut self) -> Result<Option<Bytes>, Ended> {
        let Some(length) = self.read.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > self.frame_bytes_max {
            return Err(Ended::Wrong(Wrong::TooBig));
        }
        if self.read.len() < LENGTH_BYTES + length {
            return Ok(None);
        }
        self.read.advance(LENGTH_BYTES);
        Ok(Some(self.read.split_to(length).freeze()))
    }
}

fn gone(error: &io::Error) -> Ended {
    tracing::debug!(%error, "HAProxy is gone");
    Ended::Closed
}

const LENGTH_BYTES: usize = 4;
/// What is read at once, at least (bytes).
const PIECE_BYTES: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    const SOON: Duration = Duration::from_millis(50);

    async fn read(bytes: &[u8], most: usize) -> Vec<Result<Vec<u8>, Ended>> {
        let (mut near, far) = tokio::io::duplex(7);
        let mut incoming = Incoming::new(far, most, SOON, SOON * 2);
        let bytes = bytes.to_vec();
        let writing = async move {
            near.write_all(&bytes).await.expect("written");
            near
        };
        let reading = async {
            let mut all = Vec::new();
            loop {
                let next = incoming.next(false).await;
                let ends = next.is_err();
                all.push(next.map(|frame| frame.to_vec()));
                if ends {
                    return all;
                }
            }
        };
        tokio::select! { all = async { tokio::join!(writing, reading).1 } => all, () = tokio::time::sleep(SOON * 20) => panic!("hangs") }
    }

    #[tokio::test]
    async fn takes_frames_apart() {
        let frame = |bytes: &[u8]| Ok(bytes.to_vec());
        for (bytes, expected) in [
            (
                &b"\0\0\0\x03abc\0\0\0\0\0\0\0\x0a0123456789"[..],
                vec![frame(b"abc"), frame(b""), frame(b"0123456789"), Err(Ended::Quiet)],
            ),
            // One that does not go on.
            (b"\0\0\0\x03ab", vec![Err(Ended::Closed)]),
            (b"\0\0", vec![Err(Ended::Closed)]),
        ] {
            assert_eq!(read(bytes, 10).await, expected, "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn a_frame_that_is_too_long_is_not_read() {
        let (mut near, far) = tokio::io::duplex(100);
        let mut incoming = Incoming::new(far, 10, SOON, SOON);
        near.write_all(b"\0\0\0\x0b").await.expect("written");
        assert_eq!(incoming.next(false).await, Err(Ended::Wrong(Wrong::TooBig)));
    }
}
