//! Addresses and chains as text.

use std::net::IpAddr;

use http::{HeaderName, HeaderValue};
use pingora::http::RequestHeader;

use super::Known;

/// A chain that a request has, and what is added to it.
pub(super) fn joined(request: &RequestHeader, name: &HeaderName, last: &str) -> String {
    let claimed = request.headers.get_all(name).iter();
    let claimed = claimed.map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned());
    let chain: Vec<String> = claimed.filter(|value| !value.is_empty()).chain([last.to_owned()]).collect();
    chain.join(", ")
}

/// An element of `Forwarded` (RFC 7239, section 4).
pub(super) fn element(known: &Known<'_>, host: Option<&HeaderValue>) -> String {
    let peer = match known.peer {
        Some(IpAddr::V4(peer)) => peer.to_string(),
        Some(IpAddr::V6(peer)) => format!("\"[{peer}]\""),
        None => "unknown".to_owned(),
    };
    let host = host.and_then(|host| host.to_str().ok()).filter(|host| !host.contains(['"', '\\']));
    let host = host.map_or(String::new(), |host| format!(";host=\"{host}\""));
    format!("for={peer}{host};proto={}", known.scheme)
}

/// An address as text. Those of IPv4 by hand: formatting costs ten times as much.
pub(super) fn written(address: IpAddr) -> String {
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn writes_addresses_as_everybody_does() {
        for octet in 0..=255 {
            let address = IpAddr::V4(Ipv4Addr::new(octet, 0, 10, 255 - octet));
            assert_eq!(written(address), address.to_string());
        }
        assert_eq!(written(IpAddr::V6(Ipv6Addr::LOCALHOST)), "::1");
    }
}
