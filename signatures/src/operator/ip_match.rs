//! `@ipMatch` and `@ipMatchFromFile` (`@ipMatchF`): the value is an address in one of the networks.
//!
//! The argument is a list of IPv4 and IPv6 addresses and networks in CIDR notation, divided by commas, or
//! the names of files with one a line (`#` begins a comment). Bits beyond the prefix are left out. A value
//! that is no address does not match; an IPv4 address mapped into IPv6 is that IPv4 address.
//!
//! ```text
//! SecRule REMOTE_ADDR "@ipMatch 192.168.1.100,10.10.50.0/24,2001:db8::/32" "id:1000,phase:1,deny"
//! SecRule REMOTE_ADDR "@ipMatchFromFile partners.txt" "id:1001,phase:1,pass"
//! ```
//! ModSecurity reference v3, "Operators", `ipMatch`, `ipMatchFromFile`.

use std::net::IpAddr;

use ipnet::IpNet;

use super::error::items;
use super::{DataFiles, OperatorError};

/// Sets of addresses: disjoint ranges in order, so that a look-up is a binary search however long the list.
#[derive(Clone, Debug, Default)]
pub struct IpMatch {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl IpMatch {
    pub(super) fn compile(argument: &str) -> Result<Self, OperatorError> {
        let mut networks = Vec::new();
        for (span, item) in items(argument, |c| c == ',' || c.is_whitespace()) {
            networks.push(network(item).ok_or_else(|| invalid(item).at(span))?);
        }
        if networks.is_empty() { Err(invalid(argument)) } else { Ok(Self::new(&networks)) }
    }

    pub(super) fn compile_files(argument: &str, files: &dyn DataFiles) -> Result<Self, OperatorError> {
        let mut networks = Vec::new();
        for (span, name) in items(argument, char::is_whitespace) {
            let text = super::pm::read(files, name).map_err(|error| error.at(span.clone()))?;
            for (index, line) in String::from_utf8_lossy(&text).lines().enumerate() {
                let item = line.split('#').next().unwrap_or_default().trim();
                if !item.is_empty() {
                    let wrong = || invalid_line(name, index + 1, item).at(span.clone());
                    networks.push(network(item).ok_or_else(wrong)?);
                }
            }
        }
        Ok(Self::new(&networks))
    }

    fn new(networks: &[IpNet]) -> Self {
        let mut set = Self::default();
        for network in networks {
            match network {
                IpNet::V4(net) => set.v4.push((net.network().into(), net.broadcast().into())),
                IpNet::V6(net) => set.v6.push((net.network().into(), net.broadcast().into())),
            }
        }
        Self { v4: merged(set.v4), v6: merged(set.v6) }
    }

    /// Whether the value is an address in one of the networks.
    #[must_use]
    pub fn contains(&self, value: &[u8]) -> bool {
        let address = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse::<IpAddr>().ok());
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => within(&self.v4, address.into()),
            Some(IpAddr::V6(address)) => within(&self.v6, address.into()),
            None => false,
        }
    }
}

/// An address or a network; mapped IPv4 networks become IPv4 ones, as values do.
fn network(item: &str) -> Option<IpNet> {
    let network = item.parse::<IpNet>().ok().or_else(|| item.parse::<IpAddr>().ok().map(IpNet::from))?;
    match (network.addr().to_canonical(), network.prefix_len()) {
        (IpAddr::V4(address), length) if matches!(network, IpNet::V6(_)) => {
            // `::ffff:0:0/96` and longer; what is shorter spans more than IPv4 and stays as written.
            length.checked_sub(96).map_or(Some(network), |length| IpNet::new(address.into(), length).ok())
        }
        _ => Some(network),
    }
}

/// Sorts ranges and joins those that overlap.
fn merged<T: Ord + Copy>(mut ranges: Vec<(T, T)>) -> Vec<(T, T)> {
    ranges.sort_unstable();
    ranges.dedup_by(|next, last| {
        let overlap = next.0 <= last.1;
        if overlap {
            last.1 = last.1.max(next.1);
        }
        overlap
    });
    ranges
}

fn within<T: Ord + Copy>(ranges: &[(T, T)], address: T) -> bool {
    let after = ranges.partition_point(|(start, _)| *start <= address);
    after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|(_, end)| address <= *end)
}

fn invalid(item: &str) -> OperatorError {
    let found = if item.is_empty() { "nothing".to_owned() } else { format!("`{item}`") };
    OperatorError::new("invalid-argument", format!("expected an address or network, found {found}"))
        .help("write addresses and CIDR networks, as in `@ipMatch 127.0.0.1,10.0.0.0/8,2001:db8::/32`")
}

fn invalid_line(name: &str, line: usize, item: &str) -> OperatorError {
    OperatorError::new(
        "invalid-data-file",
        format!("expected an address or network in line {line} of `{name}`, found `{item}`"),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::check::{check, refusal};
    use super::*;

    #[test]
    fn matches() {
        let list = "127.0.0.1, 10.1.2.3/8,::1,2001:db8::/32,::ffff:192.168.0.0/112";
        check(
            "ipMatch",
            &[
                (list, "127.0.0.1", Some("127.0.0.1")),
                (list, "127.0.0.2", None),
                (list, "10.255.255.255", Some("10.255.255.255")),
                (list, "11.0.0.0", None),
                (list, "::1", Some("::1")),
                (list, "::ffff:10.0.0.1", Some("::ffff:10.0.0.1")),
                (list, "2001:DB8:ffff::", Some("2001:DB8:ffff::")),
                (list, "2001:db9::", None),
                (list, "192.168.7.7", Some("192.168.7.7")),
                (list, "localhost", None),
                (list, "", None),
            ],
        );
        for name in ["ipMatchFromFile", "ipMatchF"] {
            check(
                name,
                &[("networks.data", "10.1.1.1", Some("10.1.1.1")), ("networks.data", "11.1.1.1", None)],
            );
        }
    }

    #[test]
    fn bad_networks_are_refused() {
        for (name, argument, code, span) in [
            ("ipMatch", "10.0.0.0/33", "invalid-argument", Some(0..11)),
            ("ipMatch", "::1, host", "invalid-argument", Some(5..9)),
            ("ipMatch", "", "invalid-argument", None),
            ("ipMatchFromFile", "none.data", "unreadable-file", Some(0..9)),
            ("ipMatchFromFile", "phrases.data", "invalid-data-file", Some(0..12)),
        ] {
            let error = refusal(name, argument);
            assert_eq!((error.code, error.span), (code, span), "{argument}");
        }
    }

    proptest! {
        #[test]
        fn finds_what_a_scan_finds(
            nets in prop::collection::vec((any::<u32>(), 0_u8..=32), 0..20),
            address in any::<u32>(),
        ) {
            let nets: Vec<IpNet> =
                nets.into_iter().map(|(net, length)| IpNet::new(IpAddr::V4(net.into()), length).unwrap()).collect();
            let address = IpAddr::V4(address.into());
            let plain = nets.iter().any(|net| net.contains(&address));
            prop_assert_eq!(IpMatch::new(&nets).contains(address.to_string().as_bytes()), plain);
        }
    }
}
