//! What HAProxy says of itself, and when it goes (SPOE.txt, sections 3.2.4 and 3.2.8).

use super::value::{Rest, Value};
use super::{FRAME_BYTES_LEAST, Wrong};

/// What HAProxy says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Its largest frame (bytes).
    pub frame_bytes_max: usize,
    /// Whether it tells of other streams before it is answered about one.
    pub pipelines: bool,
    /// Whether it only looks if somebody is there.
    pub is_check: bool,
}

impl Hello {
    /// Reads the payload.
    ///
    /// # Errors
    /// What is missing or not to be understood, with the code for it.
    pub fn read(payload: &[u8]) -> Result<Self, Wrong> {
        let (mut versions, mut frame_bytes, mut capabilities, mut is_check) = (None, None, None, false);
        each(payload, |name, value| match name {
            b"supported-versions" => versions = value.bytes(),
            b"max-frame-size" => frame_bytes = value.number(),
            b"capabilities" => capabilities = value.bytes(),
            b"healthcheck" => is_check = value == Value::Bool(true),
            _ => {}
        })?;
        if !items(versions.ok_or(Wrong::NoVersion)?).any(|version| version.starts_with(b"2.")) {
            return Err(Wrong::Version);
        }
        let frame_bytes = usize::try_from(frame_bytes.ok_or(Wrong::NoFrameSize)?);
        let frame_bytes_max =
            frame_bytes.ok().filter(|bytes| *bytes >= FRAME_BYTES_LEAST).ok_or(Wrong::FrameSize)?;
        let mut capabilities = items(capabilities.ok_or(Wrong::NoCapabilities)?);
        Ok(Self { frame_bytes_max, pipelines: capabilities.any(|it| it == b"pipelining"), is_check })
    }
}

/// The status code of a HAProxy that goes; 0 is nothing special.
#[must_use]
pub fn disconnected(payload: &[u8]) -> u64 {
    let mut code = 0;
    let read = each(payload, |name, value| {
        if name == b"status-code" {
            code = value.number().unwrap_or(u64::MAX);
        }
    });
    read.map_or(u64::MAX, |()| code)
}

fn each<'p>(payload: &'p [u8], mut take: impl FnMut(&[u8], Value<'p>)) -> Result<(), Wrong> {
    let mut rest = Rest(payload);
    while !rest.is_empty() {
        let (name, value) = rest.pair()?;
        take(name, value);
    }
    Ok(())
}

fn items(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}
