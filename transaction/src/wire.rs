//! HTTP/1 as bytes: where a request begins and ends, read as strictly as RFC 9112 has it.
//!
//! A proxy that reads framing more leniently than its neighbours takes for one request what they take for two. So
//! whatever two servers are known to read differently is a [`SyntaxError`](crate::SyntaxError) here, and nothing is
//! guessed: not which length was meant, not where a line ends.

mod chunks;
mod connection;
pub(crate) mod head;

#[doc(hidden)]
pub mod properties;

pub use chunks::Chunks;
pub use head::{Body, Head, HeadScan};

/// Whether a byte may be in a token: a method, a header's name (RFC 9110, section 5.6.2).
const fn is_token(byte: u8) -> bool {
    TOKENS[byte as usize]
}

/// Whether this is a token.
fn is_whole_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && !any(bytes, |byte| !is_token(byte))
}

/// Of each byte, whether it may be in a token. Names are most of what is looked at byte by byte.
static TOKENS: [bool; 256] = {
    let mut tokens = [false; 256];
    let mut at = 0;
    while at < 128 {
        let byte = at as u8;
        tokens[at] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
        at += 1;
    }
    tokens
};

/// Whether a byte may be in no header's value and no chunk's extension (RFC 9110, section 5.5).
const fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

/// Whether any byte is a control character.
fn has_control(bytes: &[u8]) -> bool {
    any(bytes, is_control)
}

/// Whether any byte is of a kind. Without a branch a byte, so that many are compared at once.
pub(crate) fn any(bytes: &[u8], is_one: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(false, |found, byte| found | is_one(*byte))
}

/// The value without the white space around it (RFC 9112, section 5.1: spaces and tabs, nothing else).
fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
