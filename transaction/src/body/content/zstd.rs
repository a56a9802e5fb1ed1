//! `zstd` (RFC 8878), with windows of at most 8 MiB as RFC 9659 asks for.

use zstd::stream::raw::{DParameter, Decoder, Operation};
use zstd::zstd_safe::{InBuffer, OutBuffer};

use super::{Decode, Decoded, Status};

const WINDOW_LOG_MAX: u32 = 23;

/// Frames of zstd, between two bytes.
pub(super) struct Zstd {
    decoder: Decoder<'static>,
    /// Whether a frame was read whole, and none is begun.
    complete: bool,
}

impl Zstd {
    /// `None` when there is no memory for it.
    pub(super) fn new() -> Option<Self> {
        let mut decoder = Decoder::new().ok()?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).ok()?;
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
