//! Bytes of a value: borrowed from the transaction, or shared because they were computed.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use crate::transformation::{Transformation, UnicodeMap};

/// Bytes that are cheap to clone: a slice of the transaction, or a shared buffer.
#[derive(Clone, Debug)]
pub(super) enum Bytes<'t> {
    Borrowed(&'t [u8]),
    Shared(Arc<[u8]>),
}

impl<'t> Bytes<'t> {
    /// The bytes after one transformation; copies only what changed.
    pub(super) fn transform(&self, transformation: Transformation, map: Option<&UnicodeMap>) -> Self {
        match self {
            Self::Borrowed(bytes) => transformation.apply_mapped(Cow::Borrowed(bytes), map).into(),
            Self::Shared(shared) => match transformation.apply_mapped(Cow::Borrowed(shared), map) {
                Cow::Borrowed(same) if same.len() == shared.len() => self.clone(),
                Cow::Borrowed(part) => Self::Shared(part.into()),
                Cow::Owned(changed) => Self::Shared(changed.into()),
            },
        }
    }

    /// Whether both are the same bytes in memory: nothing was changed on the way.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.as_ptr() == other.as_ptr() && self.len() == other.len()
    }
}

impl Deref for Bytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl<'t> From<&'t [u8]> for Bytes<'t> {
    fn from(bytes: &'t [u8]) -> Self {
        Self::Borrowed(bytes)
    }
}

impl From<Vec<u8>> for Bytes<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Shared(bytes.into())
    }
}

impl From<String> for Bytes<'_> {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl<'t> From<Cow<'t, [u8]>> for Bytes<'t> {
    fn from(bytes: Cow<'t, [u8]>) -> Self {
        match bytes {
            Cow::Borrowed(bytes) => Self::Borrowed(bytes),
            Cow::Owned(bytes) => bytes.into(),
        }
    }
}
