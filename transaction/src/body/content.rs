//! Content-Encoding.

use super::Progress;
use crate::{Fields, Inspection, Limits};

/// The chain of Content-Encodings of a body.
#[derive(Debug)]
pub(super) struct Content;

impl Content {
    pub(super) fn new(_headers: &Fields, _limits: &Limits) -> Self {
        Self
    }

    pub(super) fn push(
        &mut self,
        input: &mut &[u8],
        inspection: &mut Inspection,
        mut sink: impl FnMut(&mut &[u8], &mut Inspection) -> Progress,
    ) -> Progress {
        sink(input, inspection)
    }

    pub(super) fn finish(
        &mut self,
        _inspection: &mut Inspection,
        _sink: impl FnMut(&mut &[u8], &mut Inspection) -> Progress,
    ) -> Progress {
        Progress::Drained
    }
}
