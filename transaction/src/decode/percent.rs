//! `application/x-www-form-urlencoded` percent-decoding.

/// Decodes `%XX` and turns `+` into a space, appending to `out`. What is not two hexadecimal digits
/// after a `%` stays as it is, as in ModSecurity's `urldecode_nonstrict_inplace`.
pub fn decode_form(raw: &[u8], out: &mut Vec<u8>) {
    out.reserve(raw.len());
    let mut rest = raw;
    while let Some(plain) = memchr::memchr(b'%', rest) {
        with_spaces(&rest[..plain], out);
        let (byte, consumed) = match &rest[plain..] {
            [_, high, low, ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, 3),
                _ => (b'%', 1),
            },
            _ => (b'%', 1),
        };
        out.push(byte);
        rest = &rest[plain + consumed..];
    }
    with_spaces(rest, out);
}

/// Appends what a run without `%` means: itself, but for `+`. In prose there is one after each word, so that to look for
/// it costs more than to replace it, of many bytes at a time.
fn with_spaces(run: &[u8], out: &mut Vec<u8>) {
    out.extend(run.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }));
}

/// What [`decode_form`] makes of `raw`: itself when there is nothing to decode, otherwise in `memory`.
pub(crate) fn decoded_form<'r>(raw: &'r [u8], memory: &'r mut Vec<u8>) -> &'r [u8] {
    if memchr::memchr2(b'%', b'+', raw).is_none() {
        return raw;
    }
    memory.clear();
    decode_form(raw, memory);
    memory
}

/// [`decode_form`] between two bytes, for input that comes in pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FormDecoder {
    /// Nothing is held back.
    #[default]
    Idle,
    /// A `%` is held back.
    Percent,
    /// A `%` and this hexadecimal digit are held back.
    High(u8),
}

impl FormDecoder {
    /// Takes one byte and appends what is decided by it, at most three bytes.
    pub fn push(&mut self, byte: u8, out: &mut Vec<u8>) {
        match (*self, hex(byte)) {
            (Self::Percent, Some(_)) => *self = Self::High(byte),
            (Self::High(high), Some(low)) => {
                out.push(hex(high).unwrap_or_default() << 4 | low);
                *self = Self::Idle;
            }
            _ => {
                self.flush(out);
                match byte {
                    b'%' => *self = Self::Percent,
                    b'+' => out.push(b' '),
                    _ => out.push(byte),
                }
            }
        }
    }

    /// [`FormDecoder::push`] of each.
    pub fn push_all(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            let is_idle = *self == Self::Idle;
            let run = if is_idle { memchr::memchr(b'%', bytes).unwrap_or(bytes.len()) } else { 0 };
            with_spaces(&bytes[..run], out);
            bytes = &bytes[run..];
            let whole = match bytes {
                [b'%', high, low, ..] if is_idle => hex(*high).zip(hex(*low)),
                _ => None,
            };
            if let Some((high, low)) = whole {
                // The usual case, without three steps.
                out.push(high << 4 | low);
                bytes = &bytes[3..];
            } else if let [byte, rest @ ..] = bytes {
                self.push(*byte, out);
                bytes = rest;
            }
        }
    }

    /// Ends the input: what is held back stands for itself.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        match std::mem::take(self) {
            Self::Idle => {}
            Self::Percent => out.push(b'%'),
            Self::High(high) => out.extend([b'%', high]),
        }
    }
}

/// Percent-encoded, but for what is never encoded (RFC 3986 section 2.3).
#[must_use]
pub fn encode(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for byte in value {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(*byte),
            _ => out.extend(format!("%{byte:02X}").into_bytes()),
        }
    }
    out
}

/// The value of a hexadecimal digit.
#[must_use]
pub fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decodes_what_it_encodes(value in any::<Vec<u8>>()) {
            let mut decoded = Vec::new();
            super::decode_form(&super::encode(&value), &mut decoded);
            prop_assert_eq!(decoded, value);
        }

        #[test]
        fn pieces_decode_as_the_whole(raw in "[%+a0-9F]{0,20}") {
            let mut whole = Vec::new();
            super::decode_form(raw.as_bytes(), &mut whole);
            for length in 1..=raw.len() {
                let (mut decoder, mut pieces) = (super::FormDecoder::default(), Vec::new());
                raw.as_bytes().chunks(length).for_each(|piece| decoder.push_all(piece, &mut pieces));
                decoder.flush(&mut pieces);
                prop_assert_eq!(&pieces, &whole);
            }
        }
    }

    #[test]
    fn decodes() {
        for (raw, decoded) in [
            ("a+b", "a b"),
            ("%41%4a%4A", "AJJ"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz%41", "%zzA"),
            ("%%41", "%A"),
        ] {
            let mut out = Vec::new();
            super::decode_form(raw.as_bytes(), &mut out);
            assert_eq!(out, decoded.as_bytes(), "{raw}");
        }
    }
}
