//! `br` (RFC 7932), with windows of at most 16 MiB as that specifies.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::{Decode, Decoded, Status};

/// A Brotli stream, between two bytes.
pub(super) struct Brotli {
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    ended: bool,
}

impl Brotli {
    pub(super) fn new() -> Self {
        let alloc = StandardAlloc::default;
        Self { state: Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())), ended: false }
    }
}

impl Decode for Brotli {
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Decoded {
        let (mut available_in, mut available_out) = (input.len(), output.len());
        let (mut consumed, mut produced, mut total) = (0, 0, 0);
        let result = BrotliDecompressStream(
            &mut available_in,
            &mut consumed,
            input,
            &mut available_out,
            &mut produced,
            output,
            &mut total,
            &mut self.state,
        );
        let status = match result {
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Status::Going,
            BrotliResult::ResultSuccess => Status::Ended,
            BrotliResult::ResultFailure => Status::Failed,
        };
        self.ended |= status == Status::Ended;
        Decoded { consumed, produced, status }
    }

    fn may_end(&self) -> bool {
        self.ended
    }
}
