//! `@rbl`: whether the client's address is on a list in the DNS.
//!
//! ```text
//! SecRule REMOTE_ADDR "@rbl bl.example.org" "id:1000,phase:1,deny,msg:'listed by bl.example.org'"
//! ```
//! ModSecurity reference v3, "Operators", `rbl`; "Directives", `SecHttpBlKey`. No rule waits for a name server: whoever
//! begins a transaction asks the lists beforehand, for the client's address, and what they say is in
//! [`transaction::Listings`]. A value that is another address is on no list; of a list that did not answer, neither
//! `@rbl` nor `!@rbl` matches, and the transaction counts as not inspected whole.

use std::net::IpAddr;
use std::sync::Arc;

use transaction::{Connection, Listing, Listings};

use super::OperatorError;

/// A list in the DNS: the zone below which addresses are looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Zone {
    name: Arc<str>,
    /// What has to come before the address (`SecHttpBlKey`).
    key: Option<Arc<str>>,
}

impl Zone {
    /// Checks the argument of `@rbl`; `key` is `SecHttpBlKey`.
    pub(crate) fn compile(argument: &str, key: Option<&Arc<str>>) -> Result<Self, OperatorError> {
        let name = argument.trim().trim_end_matches('.').to_ascii_lowercase();
        if name.len() > ZONE_BYTES_MAX || !name.split('.').all(is_label) {
            return Err(OperatorError::new(
                "invalid-zone",
                format!("`{}` is not a domain name", argument.trim()),
            )
            .help("write the zone of the list: `@rbl bl.example.org`"));
        }
        let wants_key = name == HTTP_BL || name.ends_with(&format!(".{HTTP_BL}"));
        if wants_key && key.is_none() {
            return Err(OperatorError::new(OperatorError::UNAVAILABLE, format!("`@rbl {name}` needs a key"))
                .help("write `SecHttpBlKey` with the key that Project Honey Pot gave you before the rule"));
        }
        Ok(Self { name: name.into(), key: key.filter(|_| wants_key).cloned() })
    }

    /// Its name, lower case.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name to ask for, of an address: its parts in reverse order before the zone (RFC 5782, section 2), bytes
    /// of IPv4, hexadecimal digits of IPv6.
    #[must_use]
    pub fn question(&self, address: IpAddr) -> String {
        let mut question = String::with_capacity(96);
        if let Some(key) = &self.key {
            question.push_str(key);
            question.push('.');
        }
        match address.to_canonical() {
            IpAddr::V4(address) => {
                address.octets().iter().rev().for_each(|byte| question.push_str(&format!("{byte}.")));
            }
            IpAddr::V6(address) => {
                let digits = address.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
                digits.for_each(|digit| question.push_str(&format!("{digit:x}.")));
            }
        }
        question.push_str(&self.name);
        question.push('.');
        question
    }

    /// What the list says of a value; `None` when nobody knows.
    pub(crate) fn lists(&self, value: &[u8], client: &Connection, listings: &Listings) -> Option<bool> {
        let address: Option<IpAddr> =
            std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok());
        if address.is_none_or(|address| address.to_canonical() != client.client_address.to_canonical()) {
            return Some(false);
        }
        match listings.of(&self.name) {
            Some(Listing::Listed) => Some(true),
            Some(Listing::NotListed) | None => Some(false),
            Some(Listing::Unanswered) => None,
        }
    }
}

/// What the address in a list's answer says.
///
/// Lists answer with addresses of 127.0.0.0/8 (RFC 5782, section 2.3). Those of 127.255.255.0/24 say by convention that the
/// question is refused; any other address comes from a name server that answers for names that are not there.
#[must_use]
pub fn listing_of(answer: std::net::Ipv4Addr) -> Listing {
    match answer.octets() {
        [127, 255, 255, _] => Listing::Unanswered,
        [127, ..] => Listing::Listed,
        _ => Listing::Unanswered,
    }
}

fn is_label(label: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=63).contains(&label.len()) && label.bytes().all(is_name)
}

/// Project Honey Pot's list, which wants a key.
const HTTP_BL: &str = "httpbl.org";
/// Of 253 bytes of a name, an IPv6 address takes 64, a key 13.
const ZONE_BYTES_MAX: usize = 170;

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(argument: &str) -> Zone {
        Zone::compile(argument, Some(&"abcdefghijkl".into())).expect(argument)
    }

    #[test]
    fn asks_for_the_address_in_reverse() {
        for (argument, address, expected) in [
            ("BL.example.org.", "192.0.2.7", "7.2.0.192.bl.example.org."),
            ("bl.example.org", "::ffff:192.0.2.7", "7.2.0.192.bl.example.org."),
            (
                "bl.example.org",
                "2001:db8::567:89ab",
                "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example.org.",
            ),
            ("dnsbl.httpbl.org", "192.0.2.7", "abcdefghijkl.7.2.0.192.dnsbl.httpbl.org."),
            ("nothttpbl.org", "192.0.2.7", "7.2.0.192.nothttpbl.org."),
        ] {
            let found = zone(argument).question(address.parse().expect(address));
            assert_eq!(found, expected, "{argument} {address}");
        }
    }

    #[test]
    fn refuses_what_is_no_zone() {
        let long = format!("{}.test", "a".repeat(64));
        for (argument, code) in [
            ("", "invalid-zone"),
            ("a..b", "invalid-zone"),
            ("a b", "invalid-zone"),
            ("%{tx.zone}", "invalid-zone"),
            (&long, "invalid-zone"),
            ("dnsbl.httpbl.org", "unavailable-operator"),
        ] {
            let found = Zone::compile(argument, None).map_err(|error| error.code);
            assert_eq!(found, Err(code), "{argument}");
        }
    }

    #[test]
    fn says_what_was_answered_of_the_client() {
        let client =
            Connection { client_address: "192.0.2.7".parse().expect("one"), ..Connection::default() };
        let listings: Listings = [
            ("on.test", Listing::Listed),
            ("off.test", Listing::NotListed),
            ("slow.test", Listing::Unanswered),
        ]
        .into_iter()
        .collect();
        for (argument, value, expected) in [
            ("on.test", "192.0.2.7", Some(true)),
            ("ON.test.", " 192.0.2.7 ", Some(true)),
            ("on.test", "::ffff:192.0.2.7", Some(true)),
            ("on.test", "192.0.2.8", Some(false)),
            ("on.test", "no address", Some(false)),
            ("off.test", "192.0.2.7", Some(false)),
            ("slow.test", "192.0.2.7", None),
            ("slow.test", "192.0.2.8", Some(false)),
            ("other.test", "192.0.2.7", Some(false)),
        ] {
            let found = zone(argument).lists(value.as_bytes(), &client, &listings);
            assert_eq!(found, expected, "{argument} {value}");
        }
    }

    #[test]
    fn knows_what_lists_answer() {
        for (answer, expected) in [
            ([127, 0, 0, 2], Listing::Listed),
            ([127, 3, 25, 1], Listing::Listed),
            ([127, 255, 255, 254], Listing::Unanswered),
            ([198, 51, 100, 1], Listing::Unanswered),
        ] {
            assert_eq!(listing_of(answer.into()), expected, "{answer:?}");
        }
    }
}
