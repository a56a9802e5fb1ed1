//! The escapes of JSON strings (RFC 8259 section 7).

use crate::body::segment::Sink;

/// A string, between two bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unescape {
    escape: Escape,
    /// The first half of a surrogate pair. If the second does not follow, it is left out, as a second without a first is: the grammar has such
    /// (RFC 8259 section 8.2), and scripts write them where they cut a text within a character, so it is no error. Who reads it replaces it,
    /// which splits a word, or leaves it out, which does not: what is inspected is the latter.
    high: Option<u16>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Escape {
    #[default]
    None,
    Backslash,
    /// After `\u` and so many digits.
    Unicode {
        digits: u8,
        unit: u16,
    },
}

/// What one byte yields: at most a character.
#[derive(Default)]
pub(super) struct Decoded {
    bytes: [u8; 4],
    length: usize,
}

impl Decoded {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn byte(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    fn character(&mut self, character: char) {
        self.length += character.encode_utf8(&mut self.bytes[self.length..]).len();
    }
}

impl Unescape {
    /// Whether a plain byte would stand for itself.
    pub(super) fn is_idle(self) -> bool {
        matches!((self.escape, self.high), (Escape::None, None))
    }

    /// Takes a byte; says whether it ended the string.
    pub(super) fn push(&mut self, byte: u8, out: &mut Decoded, sink: &mut Sink<'_>) -> bool {
        match self.escape {
            Escape::None => self.plain(byte, out, sink),
            Escape::Backslash => self.backslash(byte, out, sink),
            Escape::Unicode { digits, unit } => self.unicode(digits, unit, byte, out, sink),
        }
    }

    fn plain(&mut self, byte: u8, out: &mut Decoded, sink: &mut Sink<'_>) -> bool {
        if byte == b'\\' {
            self.escape = Escape::Backslash;
            return false;
        }
        self.high = None;
        if byte < b' ' {
            sink.malformed("a control character in a JSON string");
        }
        if byte != b'"' {
            out.byte(byte);
        }
        byte == b'"'
    }

    fn backslash(&mut self, byte: u8, out: &mut Decoded, sink: &mut Sink<'_>) -> bool {
        self.escape = Escape::None;
        if byte == b'u' {
            self.escape = Escape::Unicode { digits: 0, unit: 0 };
            return false;
        }
        self.high = None;
        out.byte(match byte {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'"' | b'\\' | b'/' => byte,
            _ => {
                sink.malformed("an unknown escape in a JSON string");
                byte
            }
        });
        false
    }

    fn unicode(&mut self, digits: u8, unit: u16, byte: u8, out: &mut Decoded, sink: &mut Sink<'_>) -> bool {
        let Some(digit) = crate::decode::percent::hex(byte) else {
            // What follows is read as if the escape had not begun, so that nothing hides in it.
            sink.malformed("an unknown escape in a JSON string");
            self.escape = Escape::None;
            return self.plain(byte, out, sink);
        };
        let unit = unit << 4 | u16::from(digit);
        if digits < 3 {
            self.escape = Escape::Unicode { digits: digits + 1, unit };
        } else {
            self.escape = Escape::None;
            self.unit(unit, out);
        }
        false
    }

    /// Takes a UTF-16 code unit.
    fn unit(&mut self, unit: u16, out: &mut Decoded) {
        if let (Some(high), 0xdc00..=0xdfff) = (self.high, unit) {
            self.high = None;
            let scalar = 0x1_0000 + ((u32::from(high) - 0xd800) << 10) + (u32::from(unit) - 0xdc00);
            out.character(char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER));
            return;
        }
        self.high = None;
        match char::from_u32(unit.into()) {
            Some(character) => out.character(character),
            None if unit < 0xdc00 => self.high = Some(unit),
            None => {}
        }
    }
}
