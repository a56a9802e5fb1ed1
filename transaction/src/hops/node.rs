//! One hop, as the one behind it names it.

use std::net::{IpAddr, Ipv6Addr};

/// A node of a chain (RFC 7239, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// An address; its port is of no use to anyone.
    Address(IpAddr),
    /// It says that it is not to be known: `unknown`, or an identifier like `_hidden`.
    Hidden,
    /// Nothing of the kind.
    Malformed,
}

impl Node {
    /// Reads a node: an address with or without a port, one of IPv6 with or without brackets (with a port it needs them).
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        if text.len() > NODE_BYTES_MAX {
            return Self::Malformed;
        }
        if text.eq_ignore_ascii_case(b"unknown") || is_obfuscated(text) {
            return Self::Hidden;
        }
        std::str::from_utf8(text)
            .ok()
            .and_then(address)
            .map_or(Self::Malformed, |it| Self::Address(it.to_canonical()))
    }
}

fn address(text: &str) -> Option<IpAddr> {
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, port) = rest.split_once(']')?;
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return inside.parse::<Ipv6Addr>().ok().filter(|_| is_port).map(IpAddr::V6);
    }
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (host, port) = text.rsplit_once(':')?;
    host.parse().ok().filter(|_| is_port(port)).map(IpAddr::V4)
}

/// Digits, or an obfuscated port (RFC 7239, section 6.2).
fn is_port(text: &str) -> bool {
    let is_number = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number || is_obfuscated(text.as_bytes())
}

/// `_` and letters (RFC 7239, section 6.3).
fn is_obfuscated(text: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    matches!(text, [b'_', rest @ ..] if !rest.is_empty() && rest.iter().all(is_allowed))
}

/// The longest node that is read (bytes): an address of IPv6 with a port takes 47.
const NODE_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_nodes() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:8080", "192.0.2.1"),
            ("192.0.2.1:_port", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:DB8::1]:443", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:1", "192.0.2.1"),
            ("unknown", "hidden"),
            ("UNKNOWN", "hidden"),
            ("_hidden", "hidden"),
            ("_a.b-c_1", "hidden"),
            ("", "malformed"),
            ("_", "malformed"),
            ("_a b", "malformed"),
            ("192.0.2", "malformed"),
            ("192.0.2.1.5", "malformed"),
            ("192.0.2.256", "malformed"),
            ("0192.0.2.1", "malformed"),
            ("0xc0.0.2.1", "malformed"),
            ("3221225985", "malformed"),
            ("192.0.2.1:", "malformed"),
            ("192.0.2.1:123456", "malformed"),
            ("192.0.2.1/24", "malformed"),
            ("192.0.2.1%eth0", "malformed"),
            ("fe80::1%eth0", "malformed"),
            ("[2001:db8::1", "malformed"),
            ("[2001:db8::1]443", "malformed"),
            ("[192.0.2.1]", "malformed"),
            ("2001:db8::1]", "malformed"),
            (" 192.0.2.1", "malformed"),
            ("192.0.2.1\u{0}", "malformed"),
            ("localhost", "malformed"),
            ("<script>", "malformed"),
        ] {
            let found = match Node::parse(text.as_bytes()) {
                Node::Address(address) => address.to_string(),
                Node::Hidden => "hidden".to_owned(),
                Node::Malformed => "malformed".to_owned(),
            };
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
