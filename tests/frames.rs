//! Frames of HTTP/2 as bytes (RFC 9113, section 6), for what no library would send.

/// Of a body (section 6.1).
pub const DATA: u8 = 0;
/// A head (section 6.2).
pub const HEADERS: u8 = 1;
/// The end of a stream (section 6.4).
pub const RST_STREAM: u8 = 3;
/// What the sender takes (section 6.5).
pub const SETTINGS: u8 = 4;
/// The end of a connection (section 6.8).
pub const GOAWAY: u8 = 7;
/// More of a head (section 6.10).
pub const CONTINUATION: u8 = 9;

/// The flag of the last frame of a message.
pub const END_STREAM: u8 = 1;
/// The flag of the last frame of a head.
pub const END_HEADERS: u8 = 4;

/// A frame (section 4.1).
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// How a client begins: the preface, and settings that change nothing (section 3.4).
pub fn beginning() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])].concat()
}

/// The header block of a GET for a short path, by the static table and literals (RFC 7541).
pub fn head(path: &str) -> Vec<u8> {
    let path = [&[0x04, u8::try_from(path.len()).expect("short")], path.as_bytes()].concat();
    [&[0x82, 0x86][..], &path, b"\x01\x06a.test"].concat()
}
