//! Numbers of variable length, strings and typed values (SPOE.txt, section 3.1).

use std::net::IpAddr;

use super::Wrong;

/// A value of an argument. Strings and binary data are the bytes that came: HAProxy promises no encoding for either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'v> {
    /// Nothing: the sample was not to be had.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A number of any of the four widths, as it was written.
    Number(u64),
    /// An address.
    Address(IpAddr),
    /// A string or binary data.
    Bytes(&'v [u8]),
}

impl<'v> Value<'v> {
    /// The bytes, if it has any.
    #[must_use]
    pub fn bytes(self) -> Option<&'v [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn number(self) -> Option<u64> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    /// The address, if it is one.
    #[must_use]
    pub fn address(self) -> Option<IpAddr> {
        if let Self::Address(address) = self { Some(address) } else { None }
    }
}

/// Bytes that are read from the front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest<'r>(pub(super) &'r [u8]);

impl<'r> Rest<'r> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Wrong> {
        let (first, rest) = self.0.split_first().ok_or(Wrong::Invalid)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'r [u8], Wrong> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Wrong::Invalid)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Wrong> {
        self.take(N)?.try_into().map_err(|_| Wrong::Invalid)
    }

    pub(super) fn flags(&mut self) -> Result<u32, Wrong> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// One byte below 240, or four bits and then seven a byte, the lowest first; each step is one more than what fewer bytes
    /// can say. A number that needs more than 64 bits is none.
    pub(super) fn number(&mut self) -> Result<u64, Wrong> {
        let first = self.byte()?;
        let mut number = u64::from(first);
        if first < SHORT {
            return Ok(number);
        }
        let mut shift = 4;
        loop {
            let byte = self.byte()?;
            let more = u64::from(byte);
            let placed = more.checked_shl(shift).filter(|placed| placed >> shift == more);
            number = placed.and_then(|placed| number.checked_add(placed)).ok_or(Wrong::Invalid)?;
            if byte < 128 {
                return Ok(number);
            }
            shift += 7;
        }
    }

    pub(super) fn string(&mut self) -> Result<&'r [u8], Wrong> {
        let length = usize::try_from(self.number()?).map_err(|_| Wrong::Invalid)?;
        self.take(length)
    }

    pub(super) fn value(&mut self) -> Result<Value<'r>, Wrong> {
        let kind = self.byte()?;
        Ok(match kind & 0x0f {
            0 => Value::Null,
            1 => Value::Bool(kind & 0x10 != 0),
            2..=5 => Value::Number(self.number()?),
            6 => Value::Address(self.array::<4>()?.into()),
            7 => Value::Address(self.array::<16>()?.into()),
            8 | 9 => Value::Bytes(self.string()?),
            _ => return Err(Wrong::Invalid),
        })
    }

    /// A name with its value.
    pub(super) fn pair(&mut self) -> Result<(&'r [u8], Value<'r>), Wrong> {
        Ok((self.string()?, self.value()?))
    }
}

/// Writes a number as [`Rest::number`] reads it.
pub(super) fn push_number(out: &mut Vec<u8>, number: u64) {
    if number < u64::from(SHORT) {
        out.push(low_byte(number));
        return;
    }
    out.push(low_byte(number) | 0xf0);
    let mut rest = (number - u64::from(SHORT)) >> 4;
    while rest >= 128 {
        out.push(low_byte(rest) | 0x80);
        rest = (rest - 128) >> 7;
    }
    out.push(low_byte(rest));
}

pub(super) fn push_string(out: &mut Vec<u8>, string: &[u8]) {
    push_number(out, string.len() as u64);
    out.extend_from_slice(string);
}

pub(super) fn push_value(out: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Null => out.push(0),
        Value::Bool(is_true) => out.push(1 | u8::from(is_true) << 4),
        Value::Number(number) => {
            out.push(5);
            push_number(out, number);
        }
        Value::Address(IpAddr::V4(address)) => {
            out.push(6);
            out.extend_from_slice(&address.octets());
        }
        Value::Address(IpAddr::V6(address)) => {
            out.push(7);
            out.extend_from_slice(&address.octets());
        }
        Value::Bytes(bytes) => {
            out.push(8);
            push_string(out, bytes);
        }
    }
}

fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

/// What fits into one byte is below this.
const SHORT: u8 = 240;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_of_every_length() {
        // From the table in SPOE.txt: the last of each length, and the first of the next.
        for (number, length) in [
            (0, 1),
            (239, 1),
            (240, 2),
            (2_287, 2),
            (2_288, 3),
            (264_431, 3),
            (264_432, 4),
            (33_818_863, 4),
            (33_818_864, 5),
            (4_328_786_159, 5),
            (4_328_786_160, 6),
            (u64::MAX, 10),
        ] {
            let mut written = Vec::new();
            push_number(&mut written, number);
            assert_eq!(written.len(), length, "{number}");
            let mut rest = Rest(&written);
            assert_eq!(rest.number(), Ok(number));
            assert!(rest.is_empty());
            assert_eq!(Rest(&written[..length - 1]).number(), Err(Wrong::Invalid), "{number}");
        }
    }

    #[test]
    fn knows_what_is_no_number() {
        for bytes in
            [&[0xf0; 12][..], &[0xff; 9], &[0xf0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]]
        {
            assert_eq!(Rest(bytes).number(), Err(Wrong::Invalid), "{bytes:?}");
        }
    }

    #[test]
    fn reads_values() {
        for (bytes, expected) in [
            (&[0][..], Ok(Value::Null)),
            (&[0x11], Ok(Value::Bool(true))),
            (&[0x01], Ok(Value::Bool(false))),
            (&[3, 7], Ok(Value::Number(7))),
            (&[6, 192, 0, 2, 1], Ok(Value::Address([192, 0, 2, 1].into()))),
            (&[6, 192, 0, 2], Err(Wrong::Invalid)),
            (&[8, 2, b'a', 0xff], Ok(Value::Bytes(b"a\xff"))),
            (&[9, 3, b'a', 0xff], Err(Wrong::Invalid)),
            (&[10], Err(Wrong::Invalid)),
            (&[], Err(Wrong::Invalid)),
        ] {
            assert_eq!(Rest(bytes).value(), expected, "{bytes:?}");
        }
    }
}
