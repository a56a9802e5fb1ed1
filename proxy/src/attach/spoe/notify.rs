//! Payloads of several frames.

use bytes::{Bytes, BytesMut};
use transaction::spop::{Frame, Kind, Wrong};

/// What HAProxy tells of a stream, whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) stream: u64,
    pub(super) id: u64,
    /// `None` where it was longer than it may be: it has to be answered all the same.
    pub(super) payload: Option<Bytes>,
}

/// Puts payloads together. HAProxy sends one after the other on a connection.
#[derive(Debug)]
pub(super) struct Assembly {
    most: usize,
    begun: Option<Begun>,
}

#[derive(Debug)]
struct Begun {
    stream: u64,
    id: u64,
    /// `None` once it is too long.
    payload: Option<BytesMut>,
}

impl Assembly {
    /// Of payloads of so many bytes at most.
    pub(super) fn new(most: usize) -> Self {
        Self { most, begun: None }
    }

    /// Whether more of one has to come.
    pub(super) fn is_begun(&self) -> bool {
        self.begun.is_some()
    }

    /// Takes a NOTIFY, or more of one, as it lies in `bytes`. What is whole with it, if anything is.
    pub(super) fn add(&mut self, frame: &Frame<'_>, bytes: &Bytes) -> Result<Option<Whole>, Wrong> {
        let (stream, id) = (frame.stream, frame.id);
        let is_first = frame.kind == Kind::Notify;
        match &self.begun {
            Some(begun) if is_first || (begun.stream, begun.id) != (stream, id) => {
                return Err(Wrong::Interlaced);
            }
            None if !is_first => return Err(Wrong::Invalid),
            _ => {}
        }
        if frame.is_aborted {
            self.begun = None;
            return Ok(None);
        }
        let payload = if frame.payload.is_empty() { Bytes::new() } else { bytes.slice_ref(frame.payload) };
        if is_first && frame.is_last {
            return Ok(Some(Whole { stream, id, payload: Some(payload) }));
        }
        let mut begun =
            self.begun.take().unwrap_or_else(|| Begun { stream, id, payload: Some(BytesMut::new()) });
        match &mut begun.payload {
            Some(before) if before.len() + payload.len() <= self.most => before.extend_from_slice(&payload),
            too_long => *too_long = None,
        }
        if frame.is_last {
            return Ok(Some(Whole { stream, id, payload: begun.payload.map(BytesMut::freeze) }));
        }
        self.begun = Some(begun);
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames as `kind stream id flags payload`, and what comes of each.
    #[track_caller]
    fn check(frames: &[(u8, u8, u8, &str)], expected: &[&str]) {
        let mut assembly = Assembly::new(8);
        let found: Vec<String> = frames
            .iter()
            .map(|(kind, stream, flags, payload)| {
                let bytes = [&[*kind, 0, 0, 0, *flags, *stream, 1][..], payload.as_bytes()].concat();
                let bytes = Bytes::from(bytes);
                let frame = Frame::read(&bytes).expect("a frame");
                match assembly.add(&frame, &bytes) {
                    Ok(None) => "-".to_owned(),
                    Ok(Some(whole)) => {
                        let payload =
                            whole.payload.map(|payload| String::from_utf8_lossy(&payload).into_owned());
                        format!("{}:{}", whole.stream, payload.unwrap_or_else(|| "too long".to_owned()))
                    }
                    Err(wrong) => wrong.text().to_owned(),
                }
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn puts_payloads_together() {
        const NOTIFY: u8 = 3;
        const MORE: u8 = 0;
        check(&[(NOTIFY, 5, 1, "abc"), (NOTIFY, 6, 1, "")], &["5:abc", "6:"]);
        check(&[(NOTIFY, 5, 0, "ab"), (MORE, 5, 0, "cd"), (MORE, 5, 1, "ef")], &["-", "-", "5:abcdef"]);
        check(
            &[(NOTIFY, 5, 0, "abcde"), (MORE, 5, 0, "fghi"), (MORE, 5, 1, "j"), (NOTIFY, 6, 1, "k")],
            &["-", "-", "5:too long", "6:k"],
        );
        check(&[(NOTIFY, 5, 0, "ab"), (MORE, 5, 3, ""), (NOTIFY, 6, 1, "c")], &["-", "-", "6:c"]);
        check(&[(NOTIFY, 5, 0, "ab"), (NOTIFY, 6, 1, "c")], &["-", "invalid interlaced frames"]);
        check(&[(NOTIFY, 5, 0, "ab"), (MORE, 6, 1, "c")], &["-", "invalid interlaced frames"]);
        check(&[(MORE, 5, 1, "ab")], &["invalid frame received"]);
    }
}
