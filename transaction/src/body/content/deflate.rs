//! `deflate`: zlib (RFC 1950) as specified, or raw (RFC 1951) as many send it.

use flate2::{Decompress, FlushDecompress};

use super::{Decode, Decoded, Status};

/// A decoder that waits for two bytes to tell the two apart.
#[derive(Default)]
pub(super) struct Deflate {
    first: Option<u8>,
    inner: Option<Decompress>,
    ended: bool,
}

impl Decode for Deflate {
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Decoded {
        if let Some(inner) = &mut self.inner {
            let decoded = inflate(inner, input, output);
            self.ended |= decoded.status == Status::Ended;
            return decoded;
        }
        let Some(byte) = input.first() else {
            return Decoded { consumed: 0, produced: 0, status: Status::Going };
        };
        let Some(first) = self.first else {
            self.first = Some(*byte);
            return Decoded { consumed: 1, produced: 0, status: Status::Going };
        };
        let mut inner = Decompress::new(is_zlib(first, *byte));
        let begun = inflate(&mut inner, &[first], output);
        if begun.status == Status::Failed {
            return Decoded { consumed: 0, ..begun };
        }
        self.inner = Some(inner);
        self.decode(input, output)
    }

    fn may_end(&self) -> bool {
        self.ended
    }
}

/// Whether two bytes are a zlib header (RFC 1950 section 2.2).
fn is_zlib(first: u8, second: u8) -> bool {
    first & 0x0f == 8 && first >> 4 <= 7 && (u16::from(first) << 8 | u16::from(second)) % 31 == 0
}

/// One call of a decompressor, counted.
pub(super) fn inflate(inner: &mut Decompress, input: &[u8], output: &mut [u8]) -> Decoded {
    let (bytes_in, bytes_out) = (inner.total_in(), inner.total_out());
    let status = match inner.decompress(input, output, FlushDecompress::None) {
        Ok(flate2::Status::StreamEnd) => Status::Ended,
        Ok(flate2::Status::Ok | flate2::Status::BufError) => Status::Going,
        Err(_) => Status::Failed,
    };
    let count = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
    Decoded {
        consumed: count(inner.total_in(), bytes_in).min(input.len()),
        produced: count(inner.total_out(), bytes_out).min(output.len()),
        status,
    }
}
