//! `br` (RFC 7932), with windows of at most `content_window_bytes_max`.
//!
//! The window is 16 MiB if the first byte says so, and allocated before any content comes.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::{Decode, Decoded, Status};

/// A Brotli stream, between two bytes.
pub(super) struct Brotli {
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    window_bytes_max: usize,
    begun: bool,
    ended: bool,
}

impl Brotli {
    pub(super) fn new(window_bytes_max: usize) -> Self {
        let alloc = StandardAlloc::default;
        let state = Box::new(BrotliState::new_strict(alloc(), alloc(), alloc()));
        Self { state, window_bytes_max, begun: false, ended: false }
    }

    /// Whether the stream that begins with this input asks for too large a window.
    fn begins_too_large(&mut self, input: &[u8]) -> bool {
        match input.first() {
            Some(first) if !self.begun => {
                self.begun = true;
                window_bytes(*first) > self.window_bytes_max
            }
            _ => false,
        }
    }
}

/// The window that a stream's first byte asks for (RFC 7932 section 9.1, WBITS).
fn window_bytes(first: u8) -> usize {
    let bits = match (first & 1, first >> 1 & 7, first >> 4 & 7) {
        (0, _, _) => 16,
        (_, 0, 0) => 17,
        (_, 0, more) => 8 + more,
        (_, more, _) => 17 + more,
    };
    1 << bits
}

impl Decode for Brotli {
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Decoded {
        if self.begins_too_large(input) {
            return Decoded { consumed: 0, produced: 0, status: Status::Failed };
        }
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

#[cfg(test)]
mod tests {
    use super::window_bytes;

    #[test]
    fn reads_windows() {
        // The codes of RFC 7932 section 9.1, first bit lowest.
        for (first, bits) in [
            (0b0, 16),
            (0b000_0001, 17),
            (0b0011, 18),
            (0b1111, 24),
            (0b1101, 23),
            (0b010_0001, 10),
            (0b111_0001, 15),
        ] {
            assert_eq!(window_bytes(first), 1 << bits, "{first:b}");
        }
    }
}
