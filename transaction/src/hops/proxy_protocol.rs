//! The PROXY protocol, versions 1 and 2: who in front of us says who the client is, before the first byte of a connection.
//!
//! Parsing is the crate `ppp`'s; what is ours is what half a header is, and what is taken from a whole one.
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>

use std::net::SocketAddr;

use ppp::{HeaderResult, PartialResult, v1, v2};

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// The client's address, and the one it spoke to.
    Client {
        /// The client's.
        source: SocketAddr,
        /// The one that it connected to.
        destination: SocketAddr,
    },
    /// The connection is of the peer itself (its health check), or of a kind that has no addresses.
    Local,
}

/// What the start of a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// A header of so many bytes.
    Header(Header, usize),
    /// Perhaps a header; more bytes will tell.
    Incomplete,
    /// None, or a broken one.
    None,
}

/// Looks at the start of a connection.
#[must_use]
pub fn parse(bytes: &[u8]) -> Start {
    if bytes.is_empty() {
        return Start::Incomplete;
    }
    match HeaderResult::parse(bytes) {
        HeaderResult::V1(Ok(header)) if is_line(header.header.as_bytes()) => {
            Start::Header(of_version_1(&header), header.header.len())
        }
        HeaderResult::V2(Ok(header)) => Start::Header(of_version_2(&header), header.len()),
        found if begins(bytes, v2::PROTOCOL_PREFIX) && found.is_incomplete() => Start::Incomplete,
        // What of a line is not there yet may be anything: `ppp` calls half a port a wrong one.
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) if is_open_line(bytes) => Start::Incomplete,
        HeaderResult::V1(_) | HeaderResult::V2(Err(_)) => Start::None,
    }
}

/// Whether bytes are how a header begins, as far as they go.
fn begins(bytes: &[u8], prefix: &[u8]) -> bool {
    prefix.iter().zip(bytes).all(|(expected, found)| expected == found)
}

/// Whether bytes are one line and end as one: behind UNKNOWN anything may stand but what some would take for the end of it, and
/// to `ppp` a space is as good as a CR.
fn is_line(bytes: &[u8]) -> bool {
    bytes.ends_with(b"\r\n") && memchr::memchr(b'\n', bytes) == Some(bytes.len() - 1)
}

/// Whether bytes may be a header of version 1 whose end is still to come.
fn is_open_line(bytes: &[u8]) -> bool {
    begins(bytes, v1::PROTOCOL_PREFIX.as_bytes()) && bytes.len() < V1_BYTES_MAX && !bytes.contains(&b'\n')
}

fn of_version_1(header: &v1::Header<'_>) -> Header {
    match header.addresses {
        v1::Addresses::Tcp4(it) => Header::Client {
            source: (it.source_address, it.source_port).into(),
            destination: (it.destination_address, it.destination_port).into(),
        },
        v1::Addresses::Tcp6(it) => Header::Client {
            source: (it.source_address, it.source_port).into(),
            destination: (it.destination_address, it.destination_port).into(),
        },
        v1::Addresses::Unknown => Header::Local,
    }
}

fn of_version_2(header: &v2::Header<'_>) -> Header {
    match header.addresses {
        _ if header.command == v2::Command::Local => Header::Local,
        v2::Addresses::IPv4(it) => Header::Client {
            source: (it.source_address, it.source_port).into(),
            destination: (it.destination_address, it.destination_port).into(),
        },
        v2::Addresses::IPv6(it) => Header::Client {
            source: (it.source_address, it.source_port).into(),
            destination: (it.destination_address, it.destination_port).into(),
        },
        v2::Addresses::Unix(_) | v2::Addresses::Unspecified => Header::Local,
    }
}

/// The longest line of version 1 (bytes).
const V1_BYTES_MAX: usize = 107;

#[cfg(test)]
mod tests {
    use super::*;

    fn client(source: &str, destination: &str) -> Header {
        let address = |text: &str| text.parse().expect("an address");
        Header::Client { source: address(source), destination: address(destination) }
    }

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).expect("short").to_be_bytes();
        [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, body].concat()
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: Option<Header>) {
        let whole = [bytes, b"GET / HTTP/1.1\r\n"].concat();
        match expected {
            Some(header) => {
                assert_eq!(parse(&whole), Start::Header(header, bytes.len()));
                for end in 0..bytes.len() {
                    assert_eq!(parse(&bytes[..end]), Start::Incomplete, "the first {end} bytes");
                }
            }
            None => assert_eq!(parse(&whole), Start::None, "{}", whole.escape_ascii()),
        }
    }

    #[test]
    fn reads_version_1() {
        check(
            b"PROXY TCP4 203.0.113.7 192.0.2.1 51234 443\r\n",
            Some(client("203.0.113.7:51234", "192.0.2.1:443")),
        );
        check(
            b"PROXY TCP6 2001:db8::7 2001:db8::1 1 2\r\n",
            Some(client("[2001:db8::7]:1", "[2001:db8::1]:2")),
        );
        check(b"PROXY UNKNOWN\r\n", Some(Header::Local));
        for broken in [
            &b""[..],
            b"PROXY TCP4 203.0.113.7 192.0.2.1 51234\r\n",
            b"PROXY TCP4 203.0.113.7 192.0.2.1 51234 70000\r\n",
            b"PROXY TCP4 203.0.113.999 192.0.2.1 1 2\r\n",
            b"PROXY TCP4 203.0.113.7 192.0.2.1 1 2\n",
            b"PROXY TCP4 203.0.113.7 192.0.2.1 1 2 \n",
            b"PROXY UNKNOWN \n",
            b"PROXY UNKNOWN any thing \n",
            b"PROXY UNKNOWN UN\n\r\n",
            b"PROXY TCP9 203.0.113.7 192.0.2.1 1 2\r\n",
            b"proxy TCP4 203.0.113.7 192.0.2.1 1 2\r\n",
        ] {
            check(broken, None);
        }
    }

    #[test]
    fn reads_version_2() {
        let v4 = [203, 0, 113, 7, 192, 0, 2, 1, 0xC8, 0x22, 0x01, 0xBB];
        check(&v2(0x21, 0x11, &v4), Some(client("203.0.113.7:51234", "192.0.2.1:443")));
        let more = [&v4[..], &[0x04, 0, 3, b'a', b'b', b'c']].concat();
        check(&v2(0x21, 0x11, &more), Some(client("203.0.113.7:51234", "192.0.2.1:443")));
        check(&v2(0x20, 0x00, &[]), Some(Header::Local));
        check(&v2(0x20, 0x11, &v4), Some(Header::Local));
        check(&v2(0x21, 0x00, &[]), Some(Header::Local));
        let mut v6 = [0; 36];
        (v6[15], v6[31], v6[33], v6[35]) = (1, 1, 80, 81);
        check(&v2(0x21, 0x21, &v6), Some(client("[::1]:80", "[::1]:81")));
        check(&v2(0x31, 0x11, &v4), None);
        check(&v2(0x21, 0x11, &v4[..4]), None);
    }
}
