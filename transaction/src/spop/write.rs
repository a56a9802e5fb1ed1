//! What HAProxy is answered (SPOE.txt, sections 3.2.5, 3.2.7, 3.2.9 and 3.4). Frames come with their length in front.

use super::value::{Value, push_number, push_string, push_value};
use super::{Hello, Wrong};

/// The answer to a HELLO: payloads of several frames are understood, and requests one behind the other where HAProxy likes.
/// Answers never come by another connection (`async`).
#[must_use]
pub fn agent_hello(hello: &Hello, frame_bytes_max: usize) -> Vec<u8> {
    let capabilities: &[u8] = if hello.pipelines { b"pipelining,fragmentation" } else { b"fragmentation" };
    let mut out = begin(101, 0, 0);
    push_string(&mut out, b"version");
    push_value(&mut out, Value::Bytes(b"2.0"));
    push_string(&mut out, b"max-frame-size");
    push_uint32(&mut out, frame_bytes_max.min(hello.frame_bytes_max) as u64);
    push_string(&mut out, b"capabilities");
    push_value(&mut out, Value::Bytes(capabilities));
    end(out)
}

/// The last frame of a connection: why it is, `None` for no special reason.
#[must_use]
pub fn agent_disconnect(why: Option<Wrong>) -> Vec<u8> {
    let mut out = begin(102, 0, 0);
    push_string(&mut out, b"status-code");
    push_uint32(&mut out, why.map_or(0, |wrong| u64::from(wrong.code())));
    push_string(&mut out, b"message");
    push_value(&mut out, Value::Bytes(why.map_or("normal", Wrong::text).as_bytes()));
    end(out)
}

/// The answer to a NOTIFY: variables of the transaction that are set.
#[derive(Debug)]
pub struct Actions {
    frame: Vec<u8>,
    frame_bytes_max: usize,
}

impl Actions {
    /// The answer about this stream, in a frame of so many bytes at most.
    #[must_use]
    pub fn about(stream: u64, id: u64, frame_bytes_max: usize) -> Self {
        Self { frame: begin(103, stream, id), frame_bytes_max }
    }

    /// Sets a variable. `false` where the frame has no room for it: then it is not set.
    pub fn set(&mut self, name: &str, value: Value<'_>) -> bool {
        let before = self.frame.len();
        self.frame.extend_from_slice(&[SET_VARIABLE, ARGUMENTS, TRANSACTION]);
        push_string(&mut self.frame, name.as_bytes());
        push_value(&mut self.frame, value);
        let fits = self.frame.len() - LENGTH_BYTES <= self.frame_bytes_max;
        if !fits {
            self.frame.truncate(before);
        }
        fits
    }

    /// The frame.
    #[must_use]
    pub fn into_frame(self) -> Vec<u8> {
        end(self.frame)
    }
}

fn begin(kind: u8, stream: u64, id: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(USUAL_FRAME_BYTES);
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    out.push(kind);
    // Nothing follows.
    out.extend_from_slice(&1_u32.to_be_bytes());
    push_number(&mut out, stream);
    push_number(&mut out, id);
    out
}

fn end(mut out: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(out.len() - LENGTH_BYTES).unwrap_or(u32::MAX);
    out[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
    out
}

/// Of some values HAProxy takes no other width.
fn push_uint32(out: &mut Vec<u8>, number: u64) {
    out.push(3);
    push_number(out, number);
}

const SET_VARIABLE: u8 = 1;
const ARGUMENTS: u8 = 3;
const TRANSACTION: u8 = 2;
const LENGTH_BYTES: usize = 4;
const USUAL_FRAME_BYTES: usize = 256;
