//! Who sent a request, and when.

use std::net::IpAddr;

use sha2::{Digest, Sha256};

use super::Windows;

/// Who sent a request, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// A hash of the client.
    pub source: u32,
    /// The window of time; see [`Windows::of`].
    pub window: u32,
}

impl When {
    /// A client's request at a time (microseconds since the Unix epoch).
    #[must_use]
    pub fn of(client: IpAddr, time_us: i64) -> Self {
        let seconds = u64::try_from(time_us).unwrap_or(0) / 1_000_000;
        Self { source: Self::source_of(client), window: Windows::of(seconds) }
    }

    /// A hash of a client. Who has one IPv6 address has a whole /64 of them (RFC 6177), so that counts as one.
    #[must_use]
    pub fn source_of(client: IpAddr) -> u32 {
        let client = match client.to_canonical() {
            IpAddr::V6(address) => IpAddr::from((u128::from(address) & NETWORK).to_be_bytes()),
            address => address,
        };
        let hash = Sha256::digest(client.to_string());
        u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]])
    }
}

/// The bits of an IPv6 address that name the network.
const NETWORK: u128 = !(u64::MAX as u128);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_one_client() {
        for (one, other, same) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            let source = |text: &str| When::source_of(text.parse().unwrap());
            assert_eq!(source(one) == source(other), same, "{one} {other}");
        }
    }

    #[test]
    fn windows_begin_at_the_epoch() {
        let client = IpAddr::from([192, 0, 2, 1]);
        for (time_us, window) in
            [(-1, 0), (0, 0), (7_199_999_999, 0), (7_200_000_000, 1), (i64::MAX, 1_281_023_894)]
        {
            assert_eq!(When::of(client, time_us).window, window, "{time_us}");
        }
    }
}
