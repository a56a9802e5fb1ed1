//! From Pingora's session to what is inspected: the one file where both kinds of types meet.

use std::net::IpAddr;

use engine::config::Clients;
use http::{HeaderMap, Version};
use memchr::memchr;
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use pingora::protocols::l4::socket::SocketAddr;
use transaction::{Connection, Fields, RequestHead, ResponseHead};

use super::hops::Hops;
use crate::wire::Raw;

/// The request head as the client sent it.
///
/// HTTP/1 heads are read from the bytes on the wire, because Pingora's header map gathers headers of one
/// name and drops a fragment from the target; HTTP/2 knows neither order nor case of its own. `raw` is the
/// request line, or the head, where Pingora was given another one.
pub(crate) fn request_head(session: &ServerSession, raw: Option<&Raw>) -> RequestHead {
    match (session, raw) {
        (_, Some(Raw::Head(head, _))) => wire_head(head, None),
        (ServerSession::H1(_), Some(Raw::Line(line))) => wire_head(&session.to_h1_raw(), Some(line)),
        (ServerSession::H1(_), None) => wire_head(&session.to_h1_raw(), None),
        _ => mapped_head(session),
    }
}

/// Who talks to whom. Who connected may say that the client is another, and has no address on a unix socket; `clients` says who
/// is believed.
pub(crate) fn connection(
    session: &ServerSession,
    clients: Option<&Clients>,
    headers: &Fields,
) -> (Hops, Connection) {
    let unknown = Connection::default();
    let peer = address(session.client_addr());
    let (client_address, client_port) = peer.unwrap_or((unknown.client_address, 0));
    let (server_address, server_port) = address(session.server_addr()).unwrap_or((unknown.server_address, 0));
    let connection = Connection { client_address, client_port, server_address, server_port };
    let hops = Hops::of(session, &connection, peer.map(|(address, _)| address), clients, headers);
    (hops, hops.seen_from(connection))
}

/// The response head as the upstream sent it, as far as Pingora keeps it.
pub(super) fn response_head(header: &ResponseHeader) -> ResponseHead {
    ResponseHead {
        status: header.status.as_u16(),
        protocol: protocol(header.version).to_vec(),
        headers: mapped_headers(&header.headers),
    }
}

fn address(address: Option<&SocketAddr>) -> Option<(IpAddr, u16)> {
    let inet = address?.as_inet()?;
    Some((inet.ip().to_canonical(), inet.port()))
}

/// Splits a head; `raw_line` is the request line, if it is another one. It may be one that has to be refused, and any bytes at all.
pub(crate) fn wire_head(raw: &[u8], raw_line: Option<&[u8]>) -> RequestHead {
    // Empty lines may stand in front (RFC 9112, section 2.2).
    let (line, mut rest) = next_line(raw.trim_ascii_start());
    let mut head = request_line(raw_line.unwrap_or(line));
    head.headers.reserve(rest.len(), USUAL_HEADERS);
    loop {
        let (line, next) = next_line(rest);
        if line.is_empty() {
            return head;
        }
        if let Some(colon) = memchr(b':', line) {
            head.headers.push(&line[..colon], line[colon + 1..].trim_ascii());
        }
        rest = next;
    }
}

/// The first line, without its end, and what is behind it.
fn next_line(raw: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = memchr(b'\n', raw).map_or((raw, &[][..]), |at| (&raw[..at], &raw[at + 1..]));
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}

/// Method and protocol end at the first and begin at the last space; what is between is the target.
fn request_line(line: &[u8]) -> RequestHead {
    let first = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let last = line.iter().rposition(|byte| *byte == b' ').unwrap_or(line.len());
    RequestHead {
        method: line[..first].to_vec(),
        target: line.get(first + 1..last).unwrap_or_default().to_vec(),
        protocol: line.get(last + 1..).unwrap_or_default().to_vec(),
        headers: Fields::new(),
    }
}

fn mapped_head(session: &ServerSession) -> RequestHead {
    let request = session.req_header();
    let mut headers = Fields::new();
    // RFC 9113 section 8.3.1: `:authority` takes the place of Host, so rules see it as Host.
    if let Some(authority) = request.uri.authority()
        && !request.headers.contains_key(http::header::HOST)
    {
        headers.push(b"host", authority.as_str().as_bytes());
    }
    push_all(&mut headers, &request.headers);
    RequestHead {
        method: request.method.as_str().as_bytes().to_vec(),
        target: request.raw_path().to_vec(),
        protocol: protocol(request.version).to_vec(),
        headers,
    }
}

fn mapped_headers(map: &HeaderMap) -> Fields {
    let mut fields = Fields::new();
    push_all(&mut fields, map);
    fields
}

fn push_all(fields: &mut Fields, map: &HeaderMap) {
    for (name, value) in map {
        fields.push(name.as_str().as_bytes(), value.as_bytes());
    }
}

/// The protocol in SecLang's spelling (REQUEST_PROTOCOL).
fn protocol(version: Version) -> &'static [u8] {
    match version {
        Version::HTTP_09 => b"HTTP/0.9",
        Version::HTTP_10 => b"HTTP/1.0",
        Version::HTTP_2 => b"HTTP/2.0",
        Version::HTTP_3 => b"HTTP/3.0",
        _ => b"HTTP/1.1",
    }
}

/// Headers that there is room for from the start (count).
const USUAL_HEADERS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &str, expected: &str) {
        check_with(raw, None, expected);
    }

    #[track_caller]
    fn check_with(raw: &str, line: Option<&str>, expected: &str) {
        let head = wire_head(raw.as_bytes(), line.map(str::as_bytes));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (method, target, protocol) = (text(&head.method), text(&head.target), text(&head.protocol));
        assert_eq!(format!("{method}|{target}|{protocol}|{:?}", head.headers), expected);
    }

    #[test]
    fn keeps_what_was_sent() {
        check(
            "GET /a#b?c HTTP/1.1\r\nX-B: 1\r\nhost:h\r\nx-b:  2 \r\n\r\n",
            "GET|/a#b?c|HTTP/1.1|[X-B=1, host=h, x-b=2]",
        );
        check("\r\n\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n", "GET|/|HTTP/1.1|[A=b]");
        check("post / HTTP/1.0\nA:\n\n", "post|/|HTTP/1.0|[A=]");
        check("GET /a b HTTP/1.1\r\n\r\n", "GET|/a b|HTTP/1.1|[]");
        check("", "|||[]");
        check_with("GET /%3C HTTP/1.1\r\na: b\r\n\r\n", Some("GET /< HTTP/1.1"), "GET|/<|HTTP/1.1|[a=b]");
        check("GET", "GET|||[]");
    }
}
