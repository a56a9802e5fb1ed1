//! A chunked body's framing, byte by byte as it comes (RFC 9112, section 7.1).

use super::{is_control, is_token};
use crate::SyntaxError;

/// Where a chunked body is.
///
/// Only its framing is looked at; the data goes by. Each line ends with CRLF, as servers differ in what else ends one.
#[derive(Clone, Debug)]
pub struct Chunks {
    state: State,
    /// Bytes of extensions and trailers so far.
    extra: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the digits of a size, so many of them; the size so far.
    Size(u64, u32),
    /// In white space behind a size, which only an extension may follow.
    Space(u64),
    /// In an extension; whether within quotes, and whether the last byte there was a backslash.
    Extension(u64, Quotes),
    /// At the LF behind a size.
    SizeEnd(u64),
    /// In data, of which so much is to come.
    Data(u64),
    /// At the CR, and at the LF, behind data.
    DataReturn,
    DataEnd,
    /// At the beginning of a line behind the last chunk.
    Trailer,
    /// In a trailer's name, and in its value.
    Name,
    Value,
    /// At the LF behind a trailer.
    TrailerEnd,
    /// At the last LF.
    LastEnd,
    /// Behind the body.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    None,
    Open,
    Escape,
}

impl Default for Chunks {
    fn default() -> Self {
        Self { state: State::Size(0, 0), extra: 0 }
    }
}

impl Chunks {
    /// A body of which nothing was read.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads on. Where the body ends within `bytes`, once it does; from there on bytes are none of its own.
    ///
    /// # Errors
    /// [`SyntaxError::Chunk`], and there is no use in going on.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<usize>, SyntaxError> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            match self.state {
                State::Done => return Ok(Some(at)),
                State::Data(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    at += here;
                    let left = left - here as u64;
                    self.state = if left > 0 { State::Data(left) } else { State::DataReturn };
                    continue;
                }
                state => self.state = self.next(state, *byte).ok_or(SyntaxError::Chunk)?,
            }
            at += 1;
        }
        Ok((self.state == State::Done).then_some(at))
    }

    /// The state behind one byte of framing; `None` when the byte may not be there.
    fn next(&mut self, state: State, byte: u8) -> Option<State> {
        Some(match (state, byte) {
            (State::Size(size, digits), _) if byte.is_ascii_hexdigit() && digits < DIGITS_MAX => {
                let size = size << 4 | u64::from((byte as char).to_digit(16)?);
                i64::try_from(size).ok()?;
                State::Size(size, digits + 1)
            }
            (State::Size(_, 0), _) => return None,
            (State::Size(size, _), b'\r') => State::SizeEnd(size),
            (State::Size(size, _) | State::Space(size), b' ' | b'\t') => {
                self.count()?;
                State::Space(size)
            }
            (State::Size(size, _) | State::Space(size), b';') => State::Extension(size, Quotes::None),
            (State::Extension(size, Quotes::None), b'\r') => State::SizeEnd(size),
            (State::Extension(size, quotes), _) if !is_control(byte) => {
                self.count()?;
                State::Extension(size, quotes.behind(byte))
            }
            (State::SizeEnd(0), b'\n') => State::Trailer,
            (State::SizeEnd(size), b'\n') => State::Data(size),
            (State::DataReturn, b'\r') => State::DataEnd,
            (State::DataEnd, b'\n') => State::Size(0, 0),
            (State::Trailer, b'\r') => State::LastEnd,
            (State::Trailer | State::Name, _) if is_token(byte) => {
                self.count()?;
                State::Name
            }
            (State::Name, b':') => State::Value,
            (State::Value, b'\r') => State::TrailerEnd,
            (State::Value, _) if !is_control(byte) => {
                self.count()?;
                State::Value
            }
            (State::TrailerEnd, b'\n') => State::Trailer,
            (State::LastEnd, b'\n') => State::Done,
            _ => return None,
        })
    }

    /// Counts a byte that is neither data nor needed; `None` when there are too many.
    fn count(&mut self) -> Option<()> {
        self.extra += 1;
        (self.extra <= EXTRA_BYTES_MAX).then_some(())
    }
}

impl Quotes {
    fn behind(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Open, b'\\') => Self::Escape,
            (Self::None, b'"') | (Self::Escape, _) => Self::Open,
            (Self::Open, b'"') => Self::None,
            _ => self,
        }
    }
}

/// Digits of a size (count): of more, sizes do not fit into 64 bits. They have to fit into 63, as there are servers that
/// count with signs.
const DIGITS_MAX: u32 = 16;
/// Bytes of extensions and trailers of a body (RFC 9112, section 7.1.1: a server "ought to limit" them).
const EXTRA_BYTES_MAX: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_bodies() {
        for (body, expected) in [
            ("0\r\n\r\n", Ok(Some(5))),
            ("3\r\nabc\r\n0\r\n\r\nGET", Ok(Some(13))),
            ("A\r\n0123456789\r\n000\r\n\r\n", Ok(Some(22))),
            ("0000000000000001\r\na\r\n0\r\n\r\n", Ok(Some(26))),
            ("1;a\r\na\r\n0 ; b = \"c\\\"\"\r\n\r\n", Ok(Some(25))),
            ("0\r\nA:\r\nB: \t\u{e9}\r\n\r\n", Ok(Some(17))),
            ("1 \r\na\r\n", Err(())),
            ("3\r\nab", Ok(None)),
            ("", Ok(None)),
            ("\r\n", Err(())),
            ("\n", Err(())),
            (";a\r\n", Err(())),
            (" 1\r\na\r\n", Err(())),
            ("0x1\r\na\r\n", Err(())),
            ("+1\r\na\r\n", Err(())),
            ("-1\r\na\r\n", Err(())),
            ("1_0\r\n", Err(())),
            ("1,2\r\n", Err(())),
            ("00000000000000001\r\na\r\n", Err(())),
            ("7fffffffffffffff\r\na", Ok(None)),
            ("8000000000000000\r\na", Err(())),
            ("ffffffffffffffff\r\na", Err(())),
            ("1\na\r\n", Err(())),
            ("1\ra\r\n", Err(())),
            ("1\r\nab\r\n", Err(())),
            ("1\r\na\n", Err(())),
            ("1\r\na\rb", Err(())),
            ("1;\na\r\n", Err(())),
            ("1;a\rb\r\n", Err(())),
            ("1;a=\"\r\n", Err(())),
            ("1;a=\"\n\"\r\n", Err(())),
            ("1;\u{0}\r\n", Err(())),
            ("0\r\nA\r\n", Err(())),
            ("0\r\n: b\r\n", Err(())),
            ("0\r\nA : b\r\n", Err(())),
            ("0\r\nA: b\n\r\n", Err(())),
            ("0\r\n A: b\r\n", Err(())),
            ("0\r\n\n", Err(())),
            ("0\r\n\rX", Err(())),
            ("0\n\n", Err(())),
        ] {
            let found = Chunks::new().push(body.as_bytes());
            assert_eq!(found.map_err(|fault| assert_eq!(fault, SyntaxError::Chunk)), expected, "{body:?}");
        }
    }

    #[test]
    fn what_is_not_needed_is_bounded() {
        let long = |count| format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(count));
        assert!(Chunks::new().push(long(EXTRA_BYTES_MAX).as_bytes()).is_ok());
        assert!(Chunks::new().push(long(EXTRA_BYTES_MAX + 1).as_bytes()).is_err());
        let many = "1;xxxxxxx\r\na\r\n".repeat(EXTRA_BYTES_MAX / 7 + 1);
        assert!(Chunks::new().push(many.as_bytes()).is_err());
    }
}
