//! What a proxy tells the application about the client: `X-Forwarded-*` and `X-Request-Id`.

use std::net::IpAddr;

use http::{HeaderName, HeaderValue};
use pingora::http::RequestHeader;

/// Appends the client to `X-Forwarded-For` and fills in the other headers where they are absent.
///
/// What the client claimed is kept in front of what is known, as every proxy does: the application takes
/// the entry at the depth of the proxies it trusts.
pub(super) fn append(
    request: &mut RequestHeader,
    client: IpAddr,
    host: Option<HeaderValue>,
    id: &str,
) -> pingora::Result<()> {
    let claimed = Claimed::of(request);
    if claimed.client {
        let chain = chain(request, &client);
        request.insert_header(FOR.0, chain)?;
    } else {
        request.append_header(FOR.0, written(client))?;
    }
    if !claimed.protocol {
        request.append_header(PROTO.0, HeaderValue::from_static("http"))?;
    }
    if let Some(host) = host.filter(|_| !claimed.host) {
        request.append_header(HOST.0, host)?;
    }
    if !claimed.id {
        request.append_header(ID.0, id)?;
    }
    Ok(())
}

/// Which of these headers are there. One look at all names costs less than a look-up of each.
#[derive(Default)]
struct Claimed {
    client: bool,
    protocol: bool,
    host: bool,
    id: bool,
}

impl Claimed {
    fn of(request: &RequestHeader) -> Self {
        let mut claimed = Self::default();
        for name in request.headers.keys().filter(|name| name.as_str().starts_with("x-")) {
            claimed.client |= name == FOR.1;
            claimed.protocol |= name == PROTO.1;
            claimed.host |= name == HOST.1;
            claimed.id |= name == ID.1;
        }
        claimed
    }
}

/// What the client claimed, and the client.
fn chain(request: &RequestHeader, client: &IpAddr) -> String {
    let claimed = request.headers.get_all(&FOR.1).iter();
    let claimed = claimed.map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned());
    let chain: Vec<String> = claimed.filter(|value| !value.is_empty()).chain([client.to_string()]).collect();
    chain.join(", ")
}

/// An address as text. Those of IPv4 by hand: formatting costs ten times as much.
fn written(address: IpAddr) -> String {
    let IpAddr::V4(address) = address else { return address.to_string() };
    let mut text = String::with_capacity("255.255.255.255".len());
    for (place, octet) in address.octets().into_iter().enumerate() {
        if place > 0 {
            text.push('.');
        }
        for (unit, least) in [(100, 100), (10, 10), (1, 0)] {
            if octet >= least {
                text.push(char::from(b'0' + octet / unit % 10));
            }
        }
    }
    text
}

/// A name as it is sent, and as it is looked up.
type Name = (&'static str, HeaderName);

static FOR: Name = ("X-Forwarded-For", HeaderName::from_static("x-forwarded-for"));
static PROTO: Name = ("X-Forwarded-Proto", HeaderName::from_static("x-forwarded-proto"));
static HOST: Name = ("X-Forwarded-Host", HeaderName::from_static("x-forwarded-host"));
static ID: Name = ("X-Request-Id", HeaderName::from_static("x-request-id"));

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[track_caller]
    fn check(sent: &[(&'static str, &str)], expected: &[(&str, &str)]) {
        let mut request = RequestHeader::build("GET", b"/", None).unwrap();
        for (name, value) in sent {
            request.append_header(*name, *value).unwrap();
        }
        append(
            &mut request,
            IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
            Some(HeaderValue::from_static("h")),
            "0a",
        )
        .unwrap();
        for (name, value) in expected {
            let found: Vec<_> = request.headers.get_all(*name).iter().collect();
            assert_eq!(found, [value], "{name}");
        }
    }

    #[test]
    fn adds_what_is_known() {
        let fresh = [(FOR.0, "192.0.2.7"), (PROTO.0, "http"), (HOST.0, "h"), (ID.0, "0a")];
        check(&[], &fresh);
        check(
            &[(FOR.0, "198.51.100.1"), (FOR.0, " 203.0.113.5 ")],
            &[(FOR.0, "198.51.100.1, 203.0.113.5, 192.0.2.7")],
        );
        check(&[(PROTO.0, "https"), (ID.0, "mine")], &[(PROTO.0, "https"), (ID.0, "mine")]);
    }

    #[test]
    fn writes_addresses_as_everybody_does() {
        for octet in 0..=255 {
            let address = IpAddr::V4(Ipv4Addr::new(octet, 0, 10, 255 - octet));
            assert_eq!(written(address), address.to_string());
        }
        let address = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);
        assert_eq!(written(address), "::1");
    }
}
