//! Content-Encoding (RFC 9110 section 8.4), undone as the body streams.
//!
//! Servers differ in whether they decode a request body at all. So what does not decode is not
//! withheld from inspection: it is passed on as it came, and the transaction is marked.

mod brotli;
mod deflate;
mod gzip;
mod zstd;

use std::fmt;

use super::Progress;
use crate::{Fields, Inspection, Limits, Shortfall};

/// Decoded bytes of one stage that wait for the next (bytes).
const BUFFER_BYTES: usize = 16 << 10;
/// Encoded bytes kept to be passed on undecoded (bytes). Ratios are asked for blocks of this size, so
/// that they do not depend on chunks.
const BLOCK_BYTES: usize = 4 << 10;
/// What may come out of any few bytes before the ratio is asked (bytes).
const RATIO_FREE_BYTES: u64 = 1 << 20;

/// The chain of Content-Encodings of a body, the outermost first.
#[derive(Debug)]
pub(crate) struct Content {
    stages: Vec<Stage>,
    unknown: bool,
}

/// One decoder, between two bytes. It states what it did; it never sees its input again.
trait Decode: Send {
    /// Decodes from the front of `input` to the front of `output`, as much as it can.
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Decoded;

    /// Whether the input may end here.
    fn may_end(&self) -> bool;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Decoded {
    consumed: usize,
    produced: usize,
    status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// More input, or more room for output, is needed.
    Going,
    /// The encoded data ended; what follows it is something else.
    Ended,
    /// The input is not so encoded.
    Failed,
}

type Sink<'s> = dyn FnMut(&mut &[u8], &mut Inspection) -> Progress + 's;

impl Content {
    pub(crate) fn new(headers: &Fields, limits: &Limits) -> Self {
        let named = |field: &crate::Field<'_>| field.name.eq_ignore_ascii_case(b"content-encoding");
        let mut codings = Vec::new();
        for field in headers.iter().filter(named) {
            let tokens = field.value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            codings.extend(tokens.map(<[u8]>::to_ascii_lowercase));
        }
        codings.retain(|coding| !coding.is_empty() && coding != b"identity");
        // Codings are listed in the order they were applied.
        let decoders: Option<Vec<_>> = codings.iter().rev().map(|coding| decoder(coding, limits)).collect();
        match decoders {
            Some(decoders) if decoders.len() <= limits.content_encodings_max => {
                let ratio_max = limits.decompression_ratio_max;
                let stages = decoders.into_iter().map(|decoder| Stage::new(decoder, ratio_max)).collect();
                Self { stages, unknown: false }
            }
            _ => Self { stages: Vec::new(), unknown: true },
        }
    }

    /// Decodes from the front of `input` into `sink` until the one is empty or the other full.
    pub(crate) fn push(
        &mut self,
        input: &mut &[u8],
        inspection: &mut Inspection,
        mut sink: impl FnMut(&mut &[u8], &mut Inspection) -> Progress,
    ) -> Progress {
        if self.unknown && !input.is_empty() {
            inspection.note(Shortfall::ContentEncoding);
        }
        run(&mut self.stages, input, inspection, &mut sink)
    }

    /// Ends the encoded body, from the outermost coding to the innermost.
    pub(crate) fn finish(
        &mut self,
        inspection: &mut Inspection,
        mut sink: impl FnMut(&mut &[u8], &mut Inspection) -> Progress,
    ) -> Progress {
        for first in 0..self.stages.len() {
            let stages = &mut self.stages[first..];
            if run(stages, &mut &[][..], inspection, &mut sink) == Progress::SegmentFull {
                return Progress::SegmentFull;
            }
            stages[0].finish(inspection);
            if run(stages, &mut &[][..], inspection, &mut sink) == Progress::SegmentFull {
                return Progress::SegmentFull;
            }
        }
        Progress::Drained
    }
}

fn decoder(coding: &[u8], limits: &Limits) -> Option<Box<dyn Decode>> {
    let window_bytes_max = limits.content_window_bytes_max;
    match coding {
        b"br" => Some(Box::new(brotli::Brotli::new(window_bytes_max))),
        b"deflate" => Some(Box::new(deflate::Deflate::default())),
        b"gzip" | b"x-gzip" => Some(Box::new(gzip::Gzip::default())),
        b"zstd" => zstd::Zstd::new(window_bytes_max).map(|decoder| Box::new(decoder) as Box<dyn Decode>),
        _ => None,
    }
}

/// Moves bytes through the stages until the input is used up or the sink is full.
fn run(
    stages: &mut [Stage],
    input: &mut &[u8],
    inspection: &mut Inspection,
    sink: &mut Sink<'_>,
) -> Progress {
    let Some((stage, inner)) = stages.split_first_mut() else { return sink(input, inspection) };
    loop {
        let mut waiting = &stage.buffer[stage.start..stage.end];
        if !waiting.is_empty() {
            let progress = run(inner, &mut waiting, inspection, sink);
            stage.start = stage.end - waiting.len();
            if progress == Progress::SegmentFull {
                return progress;
            }
        } else if !stage.decode(input, inspection) {
            return Progress::Drained;
        }
    }
}

/// One coding with what it needs between two bytes.
struct Stage {
    mode: Mode,
    buffer: Box<[u8]>,
    /// `start <= end <= buffer.len()`: what waits for the next stage.
    start: usize,
    end: usize,
    /// The encoded bytes since the last multiple of [`BLOCK_BYTES`].
    block: Vec<u8>,
    bytes_in: u64,
    bytes_out: u64,
    ratio_max: u64,
    /// Whether the decoder may have more to give without more input.
    draining: bool,
}

enum Mode {
    Decode(Box<dyn Decode>),
    /// What comes is passed on as it is.
    Pass,
    /// What comes is dropped, which was noted.
    Drop,
}

impl Stage {
    fn new(decoder: Box<dyn Decode>, ratio_max: u64) -> Self {
        Self {
            mode: Mode::Decode(decoder),
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            block: Vec::new(),
            bytes_in: 0,
            bytes_out: 0,
            ratio_max,
            draining: false,
        }
    }

    /// Fills the empty buffer from `input`; `false` when nothing came of it.
    fn decode(&mut self, input: &mut &[u8], inspection: &mut Inspection) -> bool {
        (self.start, self.end) = (0, 0);
        let decoder = match &mut self.mode {
            Mode::Decode(decoder) => decoder,
            Mode::Pass => return self.pass(input),
            Mode::Drop => {
                *input = &[];
                return false;
            }
        };
        if self.block.len() >= BLOCK_BYTES {
            self.block.clear();
        }
        // While output comes, more may come without input: a decoder stops at the end of its window.
        let ahead = if self.draining { 0 } else { input.len().min(BLOCK_BYTES - self.block.len()) };
        let Decoded { consumed, produced, status } = decoder.decode(&input[..ahead], &mut self.buffer);
        let was_draining = std::mem::replace(&mut self.draining, produced > 0);
        self.end = produced;
        if status != Status::Failed {
            self.take(input, consumed);
        }
        self.hold_ratio(inspection);
        match status {
            Status::Going => {}
            Status::Ended if matches!(self.mode, Mode::Decode(_)) => self.end_decoding(),
            Status::Failed if matches!(self.mode, Mode::Decode(_)) => self.fail(inspection),
            _ => {}
        }
        produced > 0 || consumed > 0 || was_draining || status != Status::Going
    }

    fn take(&mut self, input: &mut &[u8], consumed: usize) {
        self.block.extend_from_slice(&input[..consumed]);
        self.bytes_in += consumed as u64;
        *input = &input[consumed..];
    }

    /// Cuts output that is out of proportion to the blocks of input so far.
    fn hold_ratio(&mut self, inspection: &mut Inspection) {
        self.bytes_out += self.end as u64;
        let blocks = self.bytes_in.div_ceil(BLOCK_BYTES as u64).max(1) * BLOCK_BYTES as u64;
        let most = blocks.saturating_mul(self.ratio_max).max(RATIO_FREE_BYTES);
        let excess = usize::try_from(self.bytes_out.saturating_sub(most)).unwrap_or(usize::MAX);
        if excess > 0 {
            self.end -= excess.min(self.end);
            self.mode = Mode::Drop;
            inspection.note(Shortfall::DecompressionRatio);
        }
    }

    fn pass(&mut self, input: &mut &[u8]) -> bool {
        let length = input.len().min(self.buffer.len());
        self.buffer[..length].copy_from_slice(&input[..length]);
        *input = &input[length..];
        self.end = length;
        length > 0
    }

    /// The encoded data ended. If more comes, that is noted and passed on.
    fn end_decoding(&mut self) {
        self.mode = Mode::Decode(Box::new(Trailer));
        self.block.clear();
    }

    /// Passes on the current block, as far as it came, and everything after it.
    fn fail(&mut self, inspection: &mut Inspection) {
        inspection.note(Shortfall::ContentDecoding);
        self.mode = Mode::Pass;
        let block = std::mem::take(&mut self.block);
        // What was decoded is at most the buffer; the block goes behind it.
        let mut waiting = self.buffer[..self.end].to_vec();
        waiting.extend_from_slice(&block);
        (self.start, self.end) = (0, waiting.len());
        if waiting.len() < self.buffer.len() {
            waiting.resize(self.buffer.len(), 0);
        }
        self.buffer = waiting.into_boxed_slice();
    }

    fn finish(&mut self, inspection: &mut Inspection) {
        if let Mode::Decode(decoder) = &self.mode
            && self.bytes_in > 0
            && !decoder.may_end()
        {
            self.fail(inspection);
        }
    }
}

/// What stands behind encoded data: nothing may.
struct Trailer;

impl Decode for Trailer {
    fn decode(&mut self, input: &[u8], _output: &mut [u8]) -> Decoded {
        let status = if input.is_empty() { Status::Going } else { Status::Failed };
        Decoded { consumed: 0, produced: 0, status }
    }

    fn may_end(&self) -> bool {
        true
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes_in, bytes_out, .. } = self;
        f.debug_struct("Stage")
            .field("bytes_in", bytes_in)
            .field("bytes_out", bytes_out)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
