//! `gzip` (RFC 1952), one member or several.

use flate2::{Crc, Decompress};

use super::deflate::inflate;
use super::{Decode, Decoded, Status};

/// A gzip stream, between two bytes.
#[derive(Default)]
pub(super) struct Gzip {
    part: Part,
    /// Whether a member was read whole, and none is begun.
    complete: bool,
}

enum Part {
    /// The fixed part of a header.
    Header {
        bytes: [u8; 10],
        seen: usize,
    },
    /// The optional parts, by the flags still to come.
    Optional {
        flags: u8,
        field: Field,
    },
    Data {
        inner: Box<Decompress>,
        crc: Crc,
    },
    Trailer {
        crc: Crc,
        bytes: [u8; 8],
        seen: usize,
    },
}

/// An optional part of a header.
#[derive(Clone, Copy)]
enum Field {
    None,
    /// The length of the extra field: its low byte, once it came.
    Length(Option<u8>),
    /// So many bytes of it are left.
    Skip(u16),
    /// Up to a nul byte.
    Text,
}

const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const HEADER_CRC: u8 = 2;
const RESERVED: u8 = 0xe0;

impl Default for Part {
    fn default() -> Self {
        Self::Header { bytes: [0; 10], seen: 0 }
    }
}

impl Decode for Gzip {
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Decoded {
        if let Part::Data { inner, crc } = &mut self.part {
            let decoded = inflate(inner, input, output);
            crc.update(&output[..decoded.produced]);
            if decoded.status != Status::Ended {
                return decoded;
            }
            let crc = std::mem::take(crc);
            self.part = Part::Trailer { crc, bytes: [0; 8], seen: 0 };
            return Decoded { status: Status::Going, ..decoded };
        }
        let Some(byte) = input.first() else {
            return Decoded { consumed: 0, produced: 0, status: Status::Going };
        };
        let status = self.structure(*byte);
        let consumed = usize::from(status == Status::Going);
        Decoded { consumed, produced: 0, status }
    }

    fn may_end(&self) -> bool {
        self.complete
    }
}

impl Gzip {
    /// Takes a byte of a header or trailer.
    fn structure(&mut self, byte: u8) -> Status {
        match &mut self.part {
            Part::Header { bytes, seen } => {
                bytes[*seen] = byte;
                *seen += 1;
                let (bytes, seen) = (*bytes, *seen);
                return self.header(&bytes[..seen]);
            }
            Part::Optional { field, .. } => {
                optional(field, byte);
                self.begin_data_if_due();
            }
            Part::Trailer { crc, bytes, seen } => {
                bytes[*seen] = byte;
                *seen += 1;
                if *seen == bytes.len() {
                    let expected = u64::from(crc.amount()) << 32 | u64::from(crc.sum());
                    if u64::from_le_bytes(*bytes) != expected {
                        return Status::Failed;
                    }
                    *self = Self { complete: true, ..Self::default() };
                }
            }
            Part::Data { .. } => {}
        }
        Status::Going
    }

    fn header(&mut self, bytes: &[u8]) -> Status {
        let magic = [0x1f, 0x8b, 8];
        let known = bytes.len().min(magic.len());
        if bytes[..known] != magic[..known] {
            // After a whole member something else may follow.
            return if self.complete && bytes.len() == 1 { Status::Ended } else { Status::Failed };
        }
        self.complete = false;
        if let [_, _, _, flags, .., _] = bytes
            && bytes.len() == 10
        {
            if flags & RESERVED != 0 {
                return Status::Failed;
            }
            self.part = Part::Optional { flags: *flags, field: Field::None };
            self.begin_data_if_due();
        }
        Status::Going
    }

    /// Goes to the next optional part, or to the data when there is none.
    fn begin_data_if_due(&mut self) {
        let Part::Optional { flags, field: field @ Field::None } = &mut self.part else { return };
        for (flag, next) in [
            (EXTRA, Field::Length(None)),
            (NAME, Field::Text),
            (COMMENT, Field::Text),
            (HEADER_CRC, Field::Skip(2)),
        ] {
            if *flags & flag != 0 {
                *flags &= !flag;
                *field = next;
                return;
            }
        }
        self.part = Part::Data { inner: Box::new(Decompress::new(false)), crc: Crc::new() };
    }
}

/// Takes a byte of an optional part.
fn optional(field: &mut Field, byte: u8) {
    *field = match *field {
        Field::Length(None) => Field::Length(Some(byte)),
        Field::Length(Some(low)) => match u16::from_le_bytes([low, byte]) {
            0 => Field::None,
            length => Field::Skip(length),
        },
        Field::Skip(left) if left > 1 => Field::Skip(left - 1),
        Field::Text if byte != 0 => Field::Text,
        Field::None | Field::Skip(_) | Field::Text => Field::None,
    };
}
