//! From Pingora's session to what is inspected: the one file where both kinds of types meet.

use std::net::IpAddr;

use engine::config::Clients;
use http::{HeaderMap, Version};
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use pingora::protocols::l4::socket::SocketAddr;
use transaction::{Connection, Fields, RequestHead, ResponseHead, message};

use super::hops::Hops;
use crate::wire::Raw;

/// The request head as the client sent it.
///
/// HTTP/1 heads are read from the bytes on the wire, because Pingora's header map gathers headers of one
/// name and drops a fragment from the target; HTTP/2 knows neither order nor case of its own. `raw` is the
/// request line, or the head, where Pingora was given another one.
pub(crate) fn request_head(session: &ServerSession, raw: Option<&Raw>) -> RequestHead {
    match (session, raw) {
        (_, Some(Raw::Head(head, _))) => message::request_head(head, None),
        (ServerSession::H1(_), Some(Raw::Line(line))) => {
            message::request_head(&session.to_h1_raw(), Some(line))
        }
        (ServerSession::H1(_), None) => message::request_head(&session.to_h1_raw(), None),
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
