//! Files of addresses: one prefix a line.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

/// What a line of such a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Nothing: it is empty, or a comment.
    Blank,
    /// A prefix.
    Prefix(IpNet),
    /// A prefix, once the bits behind its length are left out.
    Untidy(IpNet),
    /// Neither.
    Wrong,
}

/// Reads a line: an address or a prefix, and a comment that begins with `#` or `;`.
#[must_use]
pub fn line(text: &str) -> Line {
    let text = text.split(['#', ';']).next().unwrap_or_default().trim();
    if text.is_empty() {
        return Line::Blank;
    }
    match prefix(text) {
        Some(found) if found.trunc() == found => Line::Prefix(found),
        Some(found) => Line::Untidy(found.trunc()),
        None => Line::Wrong,
    }
}

/// Reads an address or a prefix; IPv4 that is written as IPv6 is IPv4. Bits behind the length stay.
pub(crate) fn prefix(text: &str) -> Option<IpNet> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
            (address, Some(length.parse::<u8>().ok()?))
        }
        Some(_) => return None,
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    match (address, mapped(address), length) {
        (_, Some(mapped), Some(length)) if length >= MAPPED_BITS => {
            Some(Ipv4Net::new(mapped, length - MAPPED_BITS).ok()?.into())
        }
        (_, Some(mapped), None) => Some(IpAddr::from(mapped).into()),
        (address, _, Some(length)) => IpNet::new(address, length).ok(),
        (address, _, None) => Some(address.into()),
    }
}

fn mapped(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => address.to_ipv4_mapped(),
    }
}

/// Bits of an IPv6 address before the IPv4 address that it stands for.
const MAPPED_BITS: u8 = 96;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_lines() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1/32"),
            ("  192.0.2.0/24\r", "192.0.2.0/24"),
            ("192.0.2.0/24 ; SBL1", "192.0.2.0/24"),
            ("2001:db8::/32#x", "2001:db8::/32"),
            ("2001:DB8::1", "2001:db8::1/128"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
            ("::ffff:192.0.2.1", "192.0.2.1/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("192.0.2.7/24", "untidy 192.0.2.0/24"),
            ("2001:db8::1/32", "untidy 2001:db8::/32"),
            ("", "blank"),
            ("# 192.0.2.1", "blank"),
            (" ;", "blank"),
            ("192.0.2", "wrong"),
            ("192.0.2.1/33", "wrong"),
            ("192.0.2.1/", "wrong"),
            ("192.0.2.1/+8", "wrong"),
            ("192.0.2.1/-1", "wrong"),
            ("192.0.2.1/300", "wrong"),
            ("192.0.2.1 192.0.2.2", "wrong"),
            ("192.0.2.1-192.0.2.9", "wrong"),
            ("192.0.02.1", "wrong"),
            ("example.com", "wrong"),
            ("[::1]", "wrong"),
        ] {
            let found = match line(text) {
                Line::Blank => "blank".to_owned(),
                Line::Prefix(prefix) => prefix.to_string(),
                Line::Untidy(prefix) => format!("untidy {prefix}"),
                Line::Wrong => "wrong".to_owned(),
            };
            assert_eq!(found, expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn reads_what_is_written(address in any::<[u8; 16]>(), is_v4 in any::<bool>(), length in 0_u8..=128) {
            let prefix = if is_v4 {
                IpNet::new(IpAddr::from([address[0], address[1], address[2], address[3]]), length % 33)
            } else {
                IpNet::new(IpAddr::from(address), length)
            };
            let prefix = prefix.expect("a prefix").trunc();
            prop_assume!(mapped(prefix.network()).is_none());
            prop_assert_eq!(line(&prefix.to_string()), Line::Prefix(prefix));
        }

        #[test]
        fn never_panics(text in "[0-9a-f:./#; ]{0,50}|.*") {
            let _ = line(&text);
        }
    }
}
