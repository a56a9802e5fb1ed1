//! Prefixes of addresses, as they are looked up.
//!
//! Prefixes lie within each other or apart, so that they cut all addresses into stretches, each with the longest prefix
//! that covers it. Where the stretches begin is one sorted array, and a look-up is a search among
//! every 16th of every 16th of them and so on, then among the 16 behind each: a few pieces of memory are read, the first of
//! which stay in the processor's caches. A million prefixes are two million stretches at most: 11 MB of IPv4, 36 MB of IPv6.

use std::net::IpAddr;

use ipnet::IpNet;

/// A set of prefixes.
#[derive(Debug, Default)]
pub struct AddressList {
    v4: Stretches<u32>,
    v6: Stretches<u128>,
    prefixes: usize,
}

/// What all addresses are cut into.
#[derive(Debug, Default)]
struct Stretches<A> {
    /// Their first addresses, ascending.
    starts: Vec<A>,
    /// Every [`PIECE`]th of these, every one of those, and so on; the fewest are the last.
    samples: Vec<Vec<A>>,
    /// The length of the longest prefix that covers each (bits); [`NONE`] where none does.
    lengths: Vec<u8>,
}

impl AddressList {
    /// Makes a set of prefixes; one that is there twice counts once.
    #[must_use]
    pub fn new(prefixes: Vec<IpNet>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for prefix in prefixes {
            match prefix {
                IpNet::V4(prefix) => v4.push((u32::from(prefix.network()), prefix.prefix_len())),
                IpNet::V6(prefix) => v6.push((u128::from(prefix.network()), prefix.prefix_len())),
            }
        }
        sort(&mut v4);
        sort(&mut v6);
        let prefixes = v4.len() + v6.len();
        let v4 = Stretches::new(
            &v4,
            |length| u32::MAX.checked_shr(length.into()).unwrap_or(0),
            |at| at.checked_add(1),
        );
        let v6 = Stretches::new(
            &v6,
            |length| u128::MAX.checked_shr(length.into()).unwrap_or(0),
            |at| at.checked_add(1),
        );
        Self { v4, v6, prefixes }
    }

    /// The length of the longest prefix that an address is in (bits); `None` when it is in none. An IPv4 address that is
    /// written as IPv6 is an IPv4 address.
    #[must_use]
    pub fn longest(&self, address: IpAddr) -> Option<u8> {
        match address.to_canonical() {
            IpAddr::V4(address) => self.v4.find(u32::from(address)),
            IpAddr::V6(address) => self.v6.find(u128::from(address)),
        }
    }

    /// How many prefixes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.prefixes
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.prefixes == 0
    }
}

/// Parents come before what lies within them.
fn sort<A: Ord + Copy>(prefixes: &mut Vec<(A, u8)>) {
    prefixes.sort_unstable();
    prefixes.dedup();
}

impl<A: Copy + Ord + std::ops::BitOr<Output = A>> Stretches<A> {
    /// Cuts; `rest` gives the bits behind a prefix of that length, `next` the address behind another.
    fn new(prefixes: &[(A, u8)], rest: impl Fn(u8) -> A, next: impl Fn(A) -> Option<A>) -> Self {
        let mut stretches = Self { starts: Vec::new(), samples: Vec::new(), lengths: Vec::new() };
        // The prefixes that the last one lies within, itself the last: where each ends, and its length.
        let mut open: Vec<(A, u8)> = Vec::new();
        for &(start, length) in prefixes {
            while let Some((end, _)) = open.pop_if(|(end, _)| *end < start) {
                stretches.leave(end, &open, &next);
            }
            stretches.begin(start, length);
            open.push((start | rest(length), length));
        }
        while let Some((end, _)) = open.pop() {
            stretches.leave(end, &open, &next);
        }
        stretches.starts.shrink_to_fit();
        loop {
            let finest = stretches.samples.last().unwrap_or(&stretches.starts);
            if finest.len() <= PIECE {
                break;
            }
            let sampled = finest.iter().copied().step_by(PIECE).collect();
            stretches.samples.push(sampled);
        }
        stretches.lengths.shrink_to_fit();
        stretches
    }

    /// A prefix ends: what it lies within goes on.
    fn leave(&mut self, end: A, open: &[(A, u8)], next: impl Fn(A) -> Option<A>) {
        let Some(behind) = next(end) else { return };
        // Where that ends at the same address, it is left next.
        if open.last().is_none_or(|(outer, _)| *outer > end) {
            self.begin(behind, open.last().map_or(NONE, |(_, length)| *length));
        }
    }

    fn begin(&mut self, start: A, length: u8) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.lengths.pop();
        }
        if self.lengths.last().copied().unwrap_or(NONE) != length {
            self.starts.push(start);
            self.lengths.push(length);
        }
    }

    fn find(&self, address: A) -> Option<u8> {
        let mut at = 0;
        for level in self.samples.iter().rev().chain([&self.starts]) {
            let first = at * PIECE;
            let piece = level.get(first..level.len().min(first + PIECE))?;
            // Counting all of so few waits for memory once; halving would wait for each half.
            at = first + piece.iter().filter(|start| **start <= address).count().checked_sub(1)?;
        }
        self.lengths.get(at).copied().filter(|length| *length != NONE)
    }
}

/// No prefix covers it.
const NONE: u8 = u8::MAX;
/// Stretches, or samples, that are searched behind a sample (count).
const PIECE: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(prefixes: &[&str], rows: &[(&str, Option<u8>)]) {
        let list = AddressList::new(prefixes.iter().map(|prefix| prefix.parse().expect(prefix)).collect());
        for (address, expected) in rows {
            assert_eq!(list.longest(address.parse().expect(address)), *expected, "{address} in {prefixes:?}");
        }
    }

    #[test]
    fn finds_the_longest() {
        check(&[], &[("192.0.2.1", None), ("::", None)]);
        check(&["0.0.0.0/0"], &[("0.0.0.0", Some(0)), ("255.255.255.255", Some(0)), ("::1", None)]);
        check(
            &[
                "10.0.0.0/8",
                "10.1.0.0/16",
                "10.1.255.255/32",
                "10.0.0.0/24",
                "10.255.255.0/24",
                "255.255.255.255/32",
            ],
            &[
                ("9.255.255.255", None),
                ("10.0.0.0", Some(24)),
                ("10.0.1.0", Some(8)),
                ("10.1.0.0", Some(16)),
                ("10.1.255.254", Some(16)),
                ("10.1.255.255", Some(32)),
                ("10.2.0.0", Some(8)),
                ("10.255.255.255", Some(24)),
                ("11.0.0.0", None),
                ("255.255.255.254", None),
                ("255.255.255.255", Some(32)),
                ("::ffff:10.1.2.3", Some(16)),
            ],
        );
        check(
            &["2001:db8::/32", "2001:db8::1/128", "::/0"],
            &[
                ("2001:db8::1", Some(128)),
                ("2001:db8::2", Some(32)),
                ("2001:db9::", Some(0)),
                ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(0)),
                ("192.0.2.1", None),
            ],
        );
    }

    fn any_prefix() -> impl Strategy<Value = IpNet> {
        // Few bits vary, so that prefixes lie within each other.
        let v4 = (0_u32..64, 0_u8..=32).prop_map(|(bits, length)| {
            IpNet::new(IpAddr::from((bits << 26 | bits).to_be_bytes()), length).expect("a prefix").trunc()
        });
        let v6 = (0_u128..64, 0_u8..=128).prop_map(|(bits, length)| {
            IpNet::new(IpAddr::from((bits << 122 | bits).to_be_bytes()), length).expect("a prefix").trunc()
        });
        prop_oneof![v4, v6]
    }

    proptest! {
        #[test]
        fn is_what_looking_at_each_gives(prefixes in prop::collection::vec(any_prefix(), 0..60)) {
            let list = AddressList::new(prefixes.clone());
            let edges = prefixes.iter().flat_map(|prefix| [prefix.network(), prefix.broadcast()]);
            let beside = |address: IpAddr| match address {
                IpAddr::V4(address) => [-1_i64, 0, 1].map(|step| IpAddr::from(((i64::from(u32::from(address)) + step) as u32).to_be_bytes())),
                IpAddr::V6(address) => [u128::MAX, 0, 1].map(|step| IpAddr::from(u128::from(address).wrapping_add(step).to_be_bytes())),
            };
            for address in edges.flat_map(beside).filter(|address| address.to_canonical() == *address) {
                let covering = prefixes.iter().filter(|prefix| prefix.contains(&address));
                prop_assert_eq!(list.longest(address), covering.map(IpNet::prefix_len).max(), "{}", address);
            }
        }
    }

    #[test]
    fn many_are_found_as_few_are() {
        let networks =
            (0..2_000_u32).map(|number| (number.wrapping_mul(0x9e37_79b9), 20 + (number % 13) as u8));
        let prefixes: Vec<IpNet> = networks
            .map(|(bits, length)| {
                IpNet::new(IpAddr::from(bits.to_be_bytes()), length).expect("a prefix").trunc()
            })
            .collect();
        let list = AddressList::new(prefixes.clone());
        for prefix in &prefixes {
            for address in [prefix.network(), prefix.broadcast()] {
                let covering = prefixes.iter().filter(|other| other.contains(&address));
                assert_eq!(list.longest(address), covering.map(IpNet::prefix_len).max(), "{address}");
            }
        }
        let found = (0..2_000_u32).filter(|number| {
            let address = IpAddr::from(number.wrapping_mul(0x0919_6619).to_be_bytes());
            let covering =
                prefixes.iter().filter(|prefix| prefix.contains(&address)).map(IpNet::prefix_len).max();
            assert_eq!(list.longest(address), covering, "{address}");
            covering.is_some()
        });
        assert!(found.count() > 0);
    }
}
