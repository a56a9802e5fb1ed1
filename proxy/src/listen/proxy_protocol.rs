//! Reads the PROXY protocol's header, by which peers that may say so tell who the client is.
//!
//! Whether a peer may is the listener's to know; from those who may the header is required, so that a client cannot
//! be one by leaving it out.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};
use transaction::hops::proxy_protocol::{Start, parse};

pub(super) use transaction::hops::proxy_protocol::Header;

/// Reads a header. What was read of what follows is the second value.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(Header, Vec<u8>)> {
    let mut read = Vec::with_capacity(USUAL_BYTES);
    loop {
        match parse(&read) {
            Start::Header(header, length) => return Ok((header, read.split_off(length))),
            Start::Incomplete if read.len() < HEADER_BYTES_MAX => {
                if stream.read_buf(&mut read).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Start::Incomplete | Start::None => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "no PROXY protocol header"));
            }
        }
    }
}

/// What a header of version 2 has with addresses of IPv6 and a few more fields (bytes).
const USUAL_BYTES: usize = 128;
/// The longest header that is read (bytes): the fields of version 2 may hold certificates' names, and have 65,535 bytes in theory.
const HEADER_BYTES_MAX: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn gives_back_what_is_behind_it() {
        let mut stream = &b"PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n"[..];
        let (header, rest) = read(&mut stream).await.expect("a header");
        assert_eq!((header, rest.as_slice()), (Header::Local, &b"GET / HTTP/1.1\r\n"[..]));
        let endless = [b"PROXY ".to_vec(), vec![b'x'; 10_000]].concat();
        assert!(read(&mut endless.as_slice()).await.is_err());
        let endless = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xEA\x60"[..], &vec![0; 60_000]].concat();
        assert!(read(&mut endless.as_slice()).await.is_err());
        assert!(read(&mut &b"PRO"[..]).await.is_err());
    }
}
