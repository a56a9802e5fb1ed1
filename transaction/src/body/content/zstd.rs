//! `zstd` (RFC 8878), with windows of at most `content_window_bytes_max`.

use zstd::stream::raw::{DParameter, Decoder, Operation};
use zstd::zstd_safe::{InBuffer, OutBuffer};

use super::{Decode, Decoded, Status};

/// The smallest and the largest window that the library can be held to, as powers of two.
const WINDOW_LOGS: std::ops::RangeInclusive<u32> = 10..=30;

/// Frames of zstd, between two bytes.
pub(super) struct Zstd {
    decoder: Decoder<'static>,
    /// Whether a frame was read whole, and none is begun.
    complete: bool,
}

impl Zstd {
    /// `None` when there is no memory for it.
    pub(super) fn new(window_bytes_max: usize) -> Option<Self> {
        let mut decoder = Decoder::new().ok()?;
        let log = window_bytes_max.checked_ilog2().unwrap_or(0);
        let log = log.clamp(*WINDOW_LOGS.start(), *WINDOW_LOGS.end());
        decoder.set_parameter(DParameter::WindowLogMax(log)).ok()?;
        Some(Self { decoder, complete: false })
    }
}

impl Decode for Zstd {
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Decoded {
        if input.is_empty() && self.complete {
            return Decoded { consumed: 0, produced: 0, status: Status::Going };
        }
        let (mut from, mut to) = (InBuffer::around(input), OutBuffer::around(output));
        let status = match self.decoder.run(&mut from, &mut to) {
            Ok(wanted) => {
                self.complete = wanted == 0;
                Status::Going
            }
            Err(_) => Status::Failed,
        };
        Decoded { consumed: from.pos(), produced: to.pos(), status }
    }

    fn may_end(&self) -> bool {
        self.complete
    }
}
