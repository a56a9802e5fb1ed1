//! How many requests a listener is at, over all its connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many requests a listener is at.
#[derive(Debug, Default)]
pub(crate) struct Bustle {
    requests: AtomicUsize,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn(Arc<Bustle>);

impl Bustle {
    /// A turn, unless there are `most` already.
    pub(super) fn turn(self: &Arc<Self>, most: usize) -> Option<Turn> {
        let before = self.requests.fetch_add(1, Ordering::AcqRel);
        // Given back at once where it is one too many.
        let turn = Turn(Arc::clone(self));
        (before < most).then_some(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_too_many_has_no_turn() {
        let bustle = Arc::new(Bustle::default());
        let (first, second) = (bustle.turn(2), bustle.turn(2));
        assert!(first.is_some() && second.is_some());
        assert!(bustle.turn(2).is_none() && bustle.turn(2).is_none());
        drop(first);
        let third = bustle.turn(2);
        assert!(third.is_some(), "there is room again");
        drop((second, third));
        assert_eq!(bustle.requests.load(Ordering::Acquire), 0);
    }
}
