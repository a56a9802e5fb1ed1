//! Heads as Envoy shows them, and who they are from.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use engine::config::Envoy;
use transaction::{Connection, Fields, RequestHead, ResponseHead};

use super::messages::HeaderMap;
use super::messages::structure::Struct;
use crate::inline::Hops;

/// Why what Envoy says is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Something is missing that Envoy always sends.
    Missing(&'static str),
    /// It is there more than once.
    Twice(&'static str),
    /// It says nothing that could be true.
    Malformed(&'static str),
    /// The head is longer than the limit.
    TooLarge,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(what) => write!(f, "{what} is missing"),
            Self::Twice(what) => write!(f, "{what} is there more than once"),
            Self::Malformed(what) => write!(f, "{what} makes no sense"),
            Self::TooLarge => f.write_str("the head is longer than limits.head_bytes_max"),
        }
    }
}

/// Headers and, apart from them, what HTTP/2 says in headers of its own.
#[derive(Default)]
struct Parts<'m> {
    method: Option<&'m [u8]>,
    target: Option<&'m [u8]>,
    status: Option<&'m [u8]>,
    headers: Fields,
}

/// The head of a request. `protocol` is as Envoy writes it, if that is known.
pub(super) fn request(
    map: &HeaderMap,
    protocol: Option<&str>,
    most: usize,
) -> Result<RequestHead, Unreadable> {
    let parts = Parts::of(map)?;
    let head = RequestHead {
        method: parts.method.ok_or(Unreadable::Missing(":method"))?.to_vec(),
        target: parts.target.ok_or(Unreadable::Missing(":path"))?.to_vec(),
        protocol: written(protocol).to_vec(),
        headers: parts.headers,
    };
    if head.method.is_empty() || head.target.is_empty() {
        return Err(Unreadable::Malformed(":method or :path"));
    }
    if head.target.len() + head.headers.bytes_total() > most {
        return Err(Unreadable::TooLarge);
    }
    Ok(head)
}

/// The head of an answer.
pub(super) fn answer(map: &HeaderMap) -> Result<ResponseHead, Unreadable> {
    let parts = Parts::of(map)?;
    let status = parts.status.ok_or(Unreadable::Missing(":status"))?;
    let status = std::str::from_utf8(status).ok().and_then(|status| status.parse().ok());
    Ok(ResponseHead {
        status: status.ok_or(Unreadable::Malformed(":status"))?,
        protocol: b"HTTP/1.1".to_vec(),
        headers: parts.headers,
    })
}

impl<'m> Parts<'m> {
    fn of(map: &'m HeaderMap) -> Result<Self, Unreadable> {
        let mut parts = Self::default();
        let bytes = map.headers.iter().map(|header| header.key.len() + header.bytes().len()).sum();
        parts.headers.reserve(bytes, map.headers.len());
        // `:authority` takes the place of Host (RFC 9113, section 8.3.1), so rules see it as Host, where that stands mostly.
        let mut authority = None;
        for header in &map.headers {
            let value = &header.bytes()[..];
            match &header.key[..] {
                b":method" => once(&mut parts.method, value, ":method")?,
                b":path" => once(&mut parts.target, value, ":path")?,
                b":status" => once(&mut parts.status, value, ":status")?,
                b":authority" => once(&mut authority, value, ":authority")?,
                _ => {}
            }
        }
        authority.into_iter().for_each(|host| parts.headers.push(b"host", host));
        let others = map.headers.iter().filter(|header| !header.key.starts_with(b":"));
        others.for_each(|header| parts.headers.push(&header.key, header.bytes()));
        Ok(parts)
    }
}

fn once<'m>(place: &mut Option<&'m [u8]>, value: &'m [u8], name: &'static str) -> Result<(), Unreadable> {
    if place.replace(value).is_some() { Err(Unreadable::Twice(name)) } else { Ok(()) }
}

/// The protocol in SecLang's spelling, from Envoy's.
pub(super) fn written(protocol: Option<&str>) -> &'static [u8] {
    match protocol {
        Some("HTTP/1.0") => b"HTTP/1.0",
        Some("HTTP/2" | "HTTP/2.0") => b"HTTP/2.0",
        Some("HTTP/3" | "HTTP/3.0") => b"HTTP/3.0",
        _ => b"HTTP/1.1",
    }
}

/// Who connected to Envoy and where, as far as it says so; a client has no part in it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    pub(super) source: Option<SocketAddr>,
    pub(super) destination: Option<SocketAddr>,
}

impl Ends {
    /// From the attributes `source.address` and `destination.address`.
    pub(super) fn of(attributes: &BTreeMap<String, Struct>) -> Self {
        let address = |name| attribute(attributes, name).and_then(|text| text.parse().ok());
        Self { source: address("source.address"), destination: address("destination.address") }
    }

    /// Who a request is from. Where Envoy does not say who connected to it, the end of `X-Forwarded-For` does, which it writes;
    /// `asker` is Envoy itself.
    pub(super) fn who(
        self,
        envoy: &Envoy,
        asker: Option<IpAddr>,
        headers: &Fields,
    ) -> Result<(Hops, Connection), Unreadable> {
        let mut connection = Connection::default();
        if let Some(destination) = self.destination {
            connection.server_address = destination.ip().to_canonical();
            connection.server_port = destination.port();
        }
        let hops = match self.source {
            Some(source) => {
                connection.client_port = source.port();
                Hops::told(Some(source.ip().to_canonical()), &envoy.proxies, headers)
            }
            None if headers.first(b"x-forwarded-for").is_some() => {
                Hops::told(asker, &envoy.listener.clients, headers)
            }
            None => return Err(Unreadable::Missing("the attribute source.address, and x-forwarded-for")),
        };
        Ok((hops, hops.seen_from(connection)))
    }
}

/// An attribute that Envoy was asked to send, whatever the name of the filter.
pub(super) fn attribute<'a>(attributes: &'a BTreeMap<String, Struct>, name: &str) -> Option<&'a str> {
    attributes.values().find_map(|filter| filter.text(name))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::messages::HeaderValue;
    use super::*;

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let headers = headers.iter().map(|(key, value)| HeaderValue {
            key: Bytes::from_static(key.as_bytes()),
            value: Bytes::new(),
            raw: Bytes::from_static(value.as_bytes()),
        });
        HeaderMap { headers: headers.collect() }
    }

    #[test]
    fn reads_heads_and_refuses_what_is_none() {
        let most = 100;
        for (headers, expected) in [
            (
                &[(":authority", "h"), (":path", "/a?b"), ("x", "1"), (":method", "PUT"), ("x", "2")][..],
                Ok("PUT /a?b HTTP/2.0 [host=h, x=1, x=2]"),
            ),
            (&[(":path", "/"), (":method", "GET")], Ok("GET / HTTP/2.0 []")),
            (&[(":path", "/")], Err(Unreadable::Missing(":method"))),
            (&[(":method", "GET")], Err(Unreadable::Missing(":path"))),
            (&[], Err(Unreadable::Missing(":method"))),
            (&[(":path", ""), (":method", "GET")], Err(Unreadable::Malformed(":method or :path"))),
            (&[(":path", "/"), (":method", "GET"), (":path", "/x")], Err(Unreadable::Twice(":path"))),
            (
                &[
                    (":path", "/0123456789012345678901234567890123456789012345678901234567890"),
                    (":method", "GET"),
                    ("x", "0123456789012345678901234567890123456789012345678901234567890"),
                ],
                Err(Unreadable::TooLarge),
            ),
        ] {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let read = request(&map(headers), Some("HTTP/2"), most).map(|head| {
                let (method, target) = (text(&head.method), text(&head.target));
                format!("{method} {target} {} {:?}", text(&head.protocol), head.headers)
            });
            assert_eq!(read.as_deref().map_err(|error| *error), expected, "{headers:?}");
        }
        assert_eq!(answer(&map(&[(":status", "204")])).map(|head| head.status), Ok(204));
        for headers in
            [&[(":status", "x")][..], &[("status", "200")], &[(":status", "200"), (":status", "1")]]
        {
            assert!(answer(&map(headers)).is_err(), "{headers:?}");
        }
    }
}
