//! What stands between a request and its client's connection: while it is shut, what is written waits.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use pingora::protocols::Stream;
use tokio::io::AsyncWrite;

/// The gate of one connection, shared by the connection and the request that it is at.
///
/// What waits never passes a shut gate, whatever becomes of the connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Whether it is shut or something waits: told without the lock, as mostly neither is.
    engaged: AtomicBool,
    /// Nobody ever waits for it: connection and request are one task.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    shut: bool,
    waiting: BytesMut,
}

impl Gate {
    /// Lets nothing pass from now on.
    pub(crate) fn shut(&self) {
        self.0.engaged.store(true, Ordering::Release);
        self.state().shut = true;
    }

    /// Lets everything pass: what waits goes with what is written or flushed next.
    pub(crate) fn open(&self) {
        self.state().shut = false;
    }

    /// Lets `bytes` pass in place of what waits.
    pub(crate) fn open_for(&self, bytes: &[u8]) {
        let mut state = self.state();
        state.waiting.clear();
        state.waiting.extend_from_slice(bytes);
        state.shut = false;
    }

    /// Whether it is shut.
    pub(crate) fn is_shut(&self) -> bool {
        self.is_engaged() && self.state().shut
    }

    /// Whether there is something that a shut gate keeps back.
    pub(crate) fn withholds(&self) -> bool {
        let state = self.state();
        state.shut && !state.waiting.is_empty()
    }

    /// Whether it is shut or something waits.
    pub(super) fn is_engaged(&self) -> bool {
        self.0.engaged.load(Ordering::Acquire)
    }

    /// Takes bytes that are written to a shut gate; `false` when it is open.
    pub(super) fn keeps<'b>(&self, bytes: impl IntoIterator<Item = &'b [u8]>) -> bool {
        let mut state = self.state();
        if state.shut {
            bytes.into_iter().for_each(|bytes| state.waiting.extend_from_slice(bytes));
        }
        state.shut
    }

    /// Writes what waits. Does nothing while the gate is shut.
    pub(super) fn poll_drain(&self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<io::Result<()>> {
        let mut state = self.state();
        if state.shut {
            return Poll::Ready(Ok(()));
        }
        while !state.waiting.is_empty() {
            let written = ready!(Pin::new(&mut *stream).poll_write(cx, &state.waiting))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            state.waiting.advance(written);
        }
        self.0.engaged.store(false, Ordering::Release);
        Poll::Ready(Ok(()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
