//! One frame without its length (SPOE.txt, section 3.2).

use super::Wrong;
use super::value::Rest;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// More of the payload that the frame before began.
    More,
    /// HAProxy introduces itself.
    Hello,
    /// HAProxy goes.
    Disconnect,
    /// HAProxy tells of a stream.
    Notify,
    /// What nobody knows may be passed over.
    Unknown,
}

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'f> {
    /// What it is.
    pub kind: Kind,
    /// Whether its payload ends with it.
    pub is_last: bool,
    /// Whether what was said of its stream so far is void.
    pub is_aborted: bool,
    /// The stream that it is about.
    pub stream: u64,
    /// Which of this stream's.
    pub id: u64,
    /// What it says.
    pub payload: &'f [u8],
}

impl<'f> Frame<'f> {
    /// Reads a frame of which nothing is missing.
    ///
    /// # Errors
    /// [`Wrong::Invalid`] where it is too short to be one.
    pub fn read(bytes: &'f [u8]) -> Result<Self, Wrong> {
        let mut rest = Rest(bytes);
        let kind = match rest.byte()? {
            0 => Kind::More,
            1 => Kind::Hello,
            2 => Kind::Disconnect,
            3 => Kind::Notify,
            _ => Kind::Unknown,
        };
        let flags = rest.flags()?;
        let (stream, id) = (rest.number()?, rest.number()?);
        Ok(Self { kind, is_last: flags & 1 != 0, is_aborted: flags & 2 != 0, stream, id, payload: rest.0 })
    }
}
