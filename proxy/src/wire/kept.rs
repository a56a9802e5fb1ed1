//! What is kept from one request of a connection to the next.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

/// What is kept from one request of a connection to the next; it ends with the connection at the latest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept(Arc<Mutex<Option<Box<dyn Any + Send>>>>);

impl Kept {
    /// Keeps it, instead of what was kept before.
    pub(crate) fn put<T: Send + 'static>(&self, kept: T) {
        drop(self.replace(Some(Box::new(kept))));
    }

    /// What is kept, if it is one of these; nothing is kept from now on.
    pub(crate) fn take<T: Send + 'static>(&self) -> Option<T> {
        self.replace(None)?.downcast().ok().map(|kept| *kept)
    }

    fn replace(&self, kept: Option<Box<dyn Any + Send>>) -> Option<Box<dyn Any + Send>> {
        std::mem::replace(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), kept)
    }

    /// Whether anything is kept.
    pub(crate) fn is_there(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}
