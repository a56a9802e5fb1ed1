//! Where the key of a request is found that leads to a server.

use std::net::IpAddr;

use engine::config::HashKey;
use http::HeaderMap;

use super::select::hash;

/// The key of a request, if it has one.
pub(super) fn of(key: &HashKey, headers: &HeaderMap, client: IpAddr) -> Option<u64> {
    match key {
        HashKey::ClientAddress => Some(network(client)),
        HashKey::Cookie(name) => cookie(headers, name.as_bytes()).map(hash),
        HashKey::Header(name) => {
            let value = headers.get(name)?.as_bytes();
            (!value.is_empty()).then(|| hash(value))
        }
    }
}

/// An IPv4 address, or the 64 bits that an IPv6 client keeps while it changes the others (RFC 8981).
fn network(client: IpAddr) -> u64 {
    match client.to_canonical() {
        IpAddr::V4(address) => hash(&address.octets()),
        IpAddr::V6(address) => hash(&address.octets()[..8]),
    }
}

/// The first cookie of that name with a value.
fn cookie<'h>(headers: &'h HeaderMap, name: &[u8]) -> Option<&'h [u8]> {
    let lines = headers.get_all(http::header::COOKIE).iter().map(http::HeaderValue::as_bytes);
    let pairs = lines.flat_map(|line| line.split(|byte| *byte == b';')).map(<[u8]>::trim_ascii);
    let value = |pair: &'h [u8]| pair.strip_prefix(name)?.strip_prefix(b"=");
    pairs.filter_map(value).find(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_key() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("cookie", "a=1; session=; xsession=no"),
            ("cookie", "session=one ; session=two"),
            ("x-user", "u"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        headers.append("x-empty", "".parse().unwrap());
        let client: IpAddr = "192.0.2.1".parse().unwrap();
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        for (key, expected) in [
            (HashKey::Cookie("session".into()), Some(hash(b"one"))),
            (HashKey::Cookie("a".into()), Some(hash(b"1"))),
            (HashKey::Cookie("Session".into()), None),
            (HashKey::Cookie("b".into()), None),
            (HashKey::Header("x-user".into()), Some(hash(b"u"))),
            (HashKey::Header("x-empty".into()), None),
            (HashKey::Header("x-other".into()), None),
            (HashKey::ClientAddress, of(&HashKey::ClientAddress, &headers, mapped)),
        ] {
            assert_eq!(of(&key, &headers, client), expected, "{key:?}");
        }
        let of_client = |text: &str| of(&HashKey::ClientAddress, &headers, text.parse().unwrap());
        assert_eq!(of_client("2001:db8::1"), of_client("2001:db8::2"));
        assert_ne!(of_client("2001:db8::1"), of_client("2001:db8:1::1"));
    }
}
