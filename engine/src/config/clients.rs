//! Who the client of a request is, when it comes by way of other proxies.

use std::net::IpAddr;

use ipnet::IpNet;
use transaction::Fields;
use transaction::hops::{self, Chain, Node};

use super::listener::{Peers, peers};
use super::{At, ListenerSpec, TraceContext};

/// Whom a listener believes, and what they say it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clients {
    trusted: Networks,
    trusts_unix: bool,
    /// The header that says who the client is, in lower case.
    pub header: String,
    /// What is done about traces.
    pub trace: TraceContext,
}

/// Who a request is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The client, as far back as who is trusted says. Unspecified where nobody knows.
    pub client: IpAddr,
    /// Whether who connected is trusted.
    pub is_trusted: bool,
    /// Why the chain was not followed to its end.
    pub broken: Option<BrokenChain>,
}

/// Why a chain of proxies was not followed to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenChain {
    /// A trusted proxy names no address: `unknown`, or one that is not to be known.
    Hidden,
    /// What a trusted proxy says is no address.
    Malformed,
}

impl BrokenChain {
    /// The name used in decision records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Malformed => "malformed",
        }
    }
}

impl Default for Clients {
    /// Nobody is believed.
    fn default() -> Self {
        Self {
            trusted: Networks::default(),
            trusts_unix: false,
            header: X_FORWARDED_FOR.to_owned(),
            trace: TraceContext::Pass,
        }
    }
}

impl Clients {
    /// Who asks in a gateway's name is believed as these are.
    pub(super) fn trusting(peers: &Peers, header: &str) -> Self {
        let trusted = Networks::new(&peers.networks);
        Self { trusted, trusts_unix: peers.unix, header: header.to_owned(), trace: TraceContext::Pass }
    }

    /// Who a request is from that `peer` sent; a peer without an address is on a unix socket.
    ///
    /// The chain is walked from its end while who says something is trusted, so that a client can claim what it likes in front
    /// of it. Where it breaks, the last trusted hop counts.
    #[must_use]
    pub fn resolve(&self, peer: Option<IpAddr>, headers: &Fields) -> Origin {
        let client = peer.unwrap_or(UNKNOWN);
        let is_trusted = peer.map_or(self.trusts_unix, |peer| self.trusted.contains(peer));
        let mut origin = Origin { client, is_trusted, broken: None };
        if !is_trusted {
            return origin;
        }
        for node in self.chain(headers).iter() {
            match node {
                Node::Address(address) => origin.client = address,
                Node::Hidden => origin.broken = Some(BrokenChain::Hidden),
                Node::Malformed => origin.broken = Some(BrokenChain::Malformed),
            }
            if origin.broken.is_some() || !self.trusted.contains(origin.client) {
                break;
            }
        }
        origin
    }

    fn chain(&self, headers: &Fields) -> Chain {
        let named = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(self.header.as_bytes()));
        let lines: Vec<&[u8]> = named.map(|header| header.value).collect();
        let lines = lines.into_iter();
        if self.header == FORWARDED { hops::forwarded(lines) } else { hops::x_forwarded_for(lines) }
    }
}

/// Networks, as ranges of addresses of IPv6 in order; none touches another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Networks(Vec<(u128, u128)>);

impl Networks {
    fn new(networks: &[IpNet]) -> Self {
        let range = |network: &IpNet| (number(network.network()), number(network.broadcast()));
        let mut ranges: Vec<(u128, u128)> = networks.iter().map(range).collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::new();
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if first <= before.1 => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    fn contains(&self, address: IpAddr) -> bool {
        let address = number(address);
        let behind = self.0.partition_point(|(first, _)| *first <= address);
        behind > 0 && address <= self.0[behind - 1].1
    }
}

/// An address of IPv4 is the one of IPv6 that stands for it.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().into(),
        IpAddr::V6(address) => address.into(),
    }
}

pub(super) fn check(spec: &ListenerSpec, at: &At<'_>) -> Clients {
    let believed = believed(&spec.trusted_proxies, spec.client_address.as_deref(), at);
    Clients { trace: spec.trace_context, ..believed }
}

/// Whom to believe, by the keys `trusted_proxies` and `client_address`.
pub(super) fn believed(trusted_proxies: &[String], client_address: Option<&str>, at: &At<'_>) -> Clients {
    let trusted = peers(trusted_proxies, &at.key("trusted_proxies"));
    let header = client_address.unwrap_or(X_FORWARDED_FOR).to_ascii_lowercase();
    let at_header = at.key("client_address");
    if header.is_empty() || !header.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        at_header
            .error("invalid-header", format!("expected the name of a header, found `{header}`"))
            .label("not a name")
            .help("write `x-forwarded-for`, `forwarded`, `x-real-ip` or another header's name".to_owned())
            .report();
    } else if client_address.is_some() && trusted_proxies.is_empty() {
        at_header
            .error("nobody-trusted", format!("`{header}` would be believed of nobody"))
            .label("has no effect")
            .help("name in `trusted_proxies` who sets it".to_owned())
            .report();
    }
    Clients::trusting(&trusted, &header)
}

/// Who is not known.
const UNKNOWN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
const X_FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED: &str = "forwarded";

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Option<IpNet> {
        text.parse().ok().or_else(|| text.parse().ok().map(|address: IpAddr| address.into()))
    }

    fn clients(trusted: &[&str], header: &str) -> Clients {
        let networks: Vec<IpNet> = trusted.iter().filter_map(|text| network(text)).collect();
        let trusts_unix = trusted.contains(&"unix");
        Clients {
            trusted: Networks::new(&networks),
            trusts_unix,
            header: header.to_owned(),
            ..Clients::default()
        }
    }

    #[track_caller]
    fn check(clients: &Clients, peer: &str, headers: &[(&str, &str)], expected: &str) {
        let fields: Fields =
            headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let origin = clients.resolve(peer.parse().ok(), &fields);
        let broken = origin.broken.map_or(String::new(), |broken| format!(" {}", broken.as_str()));
        assert_eq!(format!("{}{broken}", origin.client), expected, "{peer} {headers:?}");
    }

    #[test]
    fn walks_chains_from_the_end() {
        let trusting = clients(&["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"], X_FORWARDED_FOR);
        let far = "203.0.113.9";
        for (peer, chain, expected) in [
            // Whoever is not trusted can claim what they like.
            (far, &["198.51.100.1"][..], far),
            (far, &["10.0.0.1"], far),
            (far, &["garbage"], far),
            ("2001:db9::1", &["198.51.100.1"], "2001:db9::1"),
            ("10.1.2.3", &[], "10.1.2.3"),
            ("10.1.2.3", &["198.51.100.1"], "198.51.100.1"),
            // What is in front of the first untrusted hop is a claim.
            ("10.1.2.3", &["198.51.100.66, 198.51.100.1"], "198.51.100.1"),
            ("10.1.2.3", &["127.0.0.1, 10.9.9.9, 198.51.100.1, 10.0.0.7"], "198.51.100.1"),
            ("10.1.2.3", &["198.51.100.66", "198.51.100.1", "192.0.2.1"], "198.51.100.1"),
            ("10.1.2.3", &["10.0.0.5, 10.0.0.7"], "10.0.0.5"),
            ("2001:db8::7", &["[2001:db8:1::1]:443, 198.51.100.1:80, 2001:db8::8"], "198.51.100.1"),
            ("::ffff:10.1.2.3", &["::ffff:198.51.100.1"], "198.51.100.1"),
            // Where the chain breaks, the last trusted hop counts.
            ("10.1.2.3", &["198.51.100.1, unknown, 10.0.0.7"], "10.0.0.7 hidden"),
            ("10.1.2.3", &["198.51.100.1, _secret"], "10.1.2.3 hidden"),
            ("10.1.2.3", &["198.51.100.1, nonsense, 10.0.0.7"], "10.0.0.7 malformed"),
            ("10.1.2.3", &["198.51.100.1, "], "10.1.2.3 malformed"),
            ("10.1.2.3", &["nonsense, 198.51.100.1"], "198.51.100.1"),
        ] {
            let headers: Vec<_> = chain.iter().map(|line| ("X-Forwarded-For", *line)).collect();
            check(&trusting, peer.strip_prefix("::ffff:").unwrap_or(peer), &headers, expected);
        }
        let endless = vec!["10.0.0.1"; 1_000].join(", ");
        check(&trusting, "10.1.2.3", &[("x-forwarded-for", &endless)], "10.0.0.1");
    }

    #[test]
    fn reads_the_header_that_is_named() {
        let all = [
            ("X-Forwarded-For", "198.51.100.1"),
            ("Forwarded", "for=198.51.100.9, for=\"[2001:db9::2]:80\""),
            ("X-Real-IP", "198.51.100.3"),
            ("CF-Connecting-IP", "198.51.100.4"),
        ];
        for (header, expected) in [
            ("x-forwarded-for", "198.51.100.1"),
            ("forwarded", "2001:db9::2"),
            ("x-real-ip", "198.51.100.3"),
            ("cf-connecting-ip", "198.51.100.4"),
            ("true-client-ip", "10.1.2.3"),
        ] {
            check(&clients(&["10.0.0.0/8"], header), "10.1.2.3", &all, expected);
            check(&clients(&["11.0.0.0/8"], header), "10.1.2.3", &all, "10.1.2.3");
        }
    }

    #[test]
    fn unix_sockets_have_no_address() {
        let chain = [("X-Forwarded-For", "198.51.100.1")];
        check(&clients(&["unix"], X_FORWARDED_FOR), "-", &chain, "198.51.100.1");
        check(&clients(&["unix"], X_FORWARDED_FOR), "-", &[], "0.0.0.0");
        check(&clients(&["0.0.0.0/0"], X_FORWARDED_FOR), "-", &chain, "0.0.0.0");
        check(&Clients::default(), "-", &chain, "0.0.0.0");
    }

    #[test]
    fn networks_hold_what_their_parts_hold() {
        let texts = [
            "10.0.0.0/8",
            "10.1.0.0/16",
            "9.255.255.255",
            "::/127",
            "2001:db8::/32",
            "0.0.0.0/32",
            "ff00::/8",
        ];
        let parts: Vec<IpNet> = texts.iter().filter_map(|text| network(text)).collect();
        assert_eq!(parts.len(), texts.len());
        let networks = Networks::new(&parts);
        for text in [
            "10.0.0.0",
            "10.255.255.255",
            "11.0.0.0",
            "9.255.255.254",
            "9.255.255.255",
            "::",
            "::1",
            "::2",
            "2001:db8::",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:db9::",
            "0.0.0.0",
            "0.0.0.1",
            "ffff::",
        ] {
            let address: IpAddr = text.parse().expect("an address");
            assert_eq!(
                networks.contains(address),
                parts.iter().any(|part| part.contains(&address)),
                "{text}"
            );
        }
    }
}
