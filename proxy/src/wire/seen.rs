//! What a connection saw of the request that it is at, and Pingora does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use arc_swap::ArcSwapOption;
use transaction::SyntaxError;

/// A head as it came, if it is not what Pingora was given.
#[derive(Debug)]
pub(crate) enum Raw {
    /// The request line, without its end.
    Line(Vec<u8>),
    /// All that was read of a head that has to be refused, and why.
    Head(Vec<u8>, SyntaxError),
}

/// Written by the connection, read by the request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    raw: ArcSwapOption<Raw>,
    stage: AtomicU8,
}

impl Seen {
    /// Takes what Pingora has not. The request is in our hands from now on.
    pub(crate) fn take(&self) -> Option<Arc<Raw>> {
        self.0.stage.store(TAKEN, Ordering::Relaxed);
        // Mostly there is nothing, and to look is cheaper than to take.
        self.0.raw.load().as_ref()?;
        self.0.raw.swap(None)
    }

    /// Whether the framing of the body turned out to be broken.
    pub(crate) fn is_broken(&self) -> bool {
        self.0.stage.load(Ordering::Relaxed) == BROKEN
    }

    /// Whether Pingora was given a head that never came to us.
    pub(super) fn is_untaken(&self) -> bool {
        self.0.stage.load(Ordering::Relaxed) == GIVEN
    }

    pub(super) fn set(&self, raw: Raw) {
        self.0.raw.store(Some(Arc::new(raw)));
    }

    /// Nothing was read of the next request.
    pub(super) fn begin(&self) {
        self.0.stage.store(NONE, Ordering::Relaxed);
    }

    /// A head is on its way to Pingora.
    pub(super) fn give(&self) {
        self.0.stage.store(GIVEN, Ordering::Relaxed);
    }

    /// The body is broken.
    pub(super) fn break_off(&self) {
        self.0.stage.store(BROKEN, Ordering::Relaxed);
    }
}

/// Where a request is: connection and request are one task, so that nobody sees another's stage.
const NONE: u8 = 0;
const GIVEN: u8 = 1;
const TAKEN: u8 = 2;
const BROKEN: u8 = 3;
