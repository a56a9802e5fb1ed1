//! Which server gets a request: a function of the servers' numbers, the time and whose turn it is.

use std::sync::Arc;
use std::time::Duration;

use super::member::{Member, WHOLE};

/// The servers of a pool, in an order that does not change by itself.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) list: Vec<Arc<Member>>,
    /// Weights added up.
    sums: Vec<u64>,
    /// How far the turn goes on: it comes to every unit of weight once before it comes to any again, and not to those of
    /// one server in a row.
    stride: u64,
}

/// What a selection depends on besides the servers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances<'a> {
    pub(super) now_ms: u64,
    pub(super) slow_start: Option<Duration>,
    /// Counts selections.
    pub(super) turn: u64,
    /// Servers that failed this request.
    pub(super) tried: &'a [Arc<Member>],
}

impl Members {
    pub(super) fn new(list: Vec<Arc<Member>>) -> Self {
        let divisor = list.iter().fold(0, |divisor, member| gcd(u64::from(member.weight), divisor)).max(1);
        let mut sum = 0;
        let add = |member: &Arc<Member>| {
            sum += u64::from(member.weight) / divisor;
            sum
        };
        let sums: Vec<u64> = list.iter().map(add).collect();
        let stride = if sum == list.len() as u64 { 1 } else { stride(sum) };
        Self { list, sums, stride }
    }

    /// The one whose turn it is, or where that one gets no requests or fewer, any other.
    pub(super) fn in_turn(&self, at: Circumstances<'_>) -> Option<&Arc<Member>> {
        let total = *self.sums.last()?;
        let unit = (at.turn % total).wrapping_mul(self.stride) % total;
        let member = &self.list[self.sums.partition_point(|sum| *sum <= unit)];
        let part = at.readiness(member);
        if at.admits(member, Tier::Best)
            && (part == WHOLE || mix(at.turn) % u64::from(WHOLE) < u64::from(part))
        {
            return Some(member);
        }
        self.among_rest(at)
    }

    /// Any of those that get requests, by their weights: whom a missing server's turns go to is not always the same.
    fn among_rest(&self, at: Circumstances<'_>) -> Option<&Arc<Member>> {
        let (tier, total) = Tier::ALL.into_iter().find_map(|tier| {
            let total: u64 = self.admitted(at, tier).map(|member| at.share(member)).sum();
            (total > 0).then_some((tier, total))
        })?;
        let mut left = mix(at.turn ^ SALT) % total;
        self.admitted(at, tier).find(|member| {
            let share = at.share(member);
            let found = left < share;
            left = left.saturating_sub(share);
            found
        })
    }

    /// The one with the fewest requests in flight for its share; among equals, the one whose turn it is.
    pub(super) fn least_busy(&self, at: Circumstances<'_>) -> Option<&Arc<Member>> {
        let count = self.list.len().max(1);
        let start = usize::try_from(at.turn % count as u64).unwrap_or(0);
        let (front, back) = self.list.split_at(start.min(self.list.len()));
        let load = |member: &Arc<Member>| (member.in_flight() as u64 + 1, at.share(member));
        // a / b < c / d, without dividing.
        let lighter = |one: (u64, u64), other: (u64, u64)| {
            u128::from(one.0) * u128::from(other.1) < u128::from(other.0) * u128::from(one.1)
        };
        Tier::ALL.into_iter().find_map(|tier| {
            let admitted = back.iter().chain(front).filter(|member| at.admits(member, tier));
            let loads = admitted.map(|member| (member, load(member)));
            loads.reduce(|best, next| if lighter(next.1, best.1) { next } else { best }).map(|best| best.0)
        })
    }

    /// The one that a key leads to: each server has a number of its own for the key, and the best one wins (rendezvous hashing).
    /// Where one comes or goes, only its own keys move.
    pub(super) fn for_key(&self, key: u64, at: Circumstances<'_>) -> Option<&Arc<Member>> {
        Tier::ALL.into_iter().find_map(|tier| {
            let scored = self.admitted(at, tier).map(|member| (member, score(key, member, at.share(member))));
            scored.reduce(|best, next| if next.1 < best.1 { next } else { best }).map(|best| best.0)
        })
    }

    fn admitted(&self, at: Circumstances<'_>, tier: Tier) -> impl Iterator<Item = &Arc<Member>> {
        self.list.iter().filter(move |member| at.admits(member, tier))
    }
}

/// How good a server has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tier {
    /// Healthy, and not ejected.
    Best,
    /// Healthy: better than nobody.
    Healthy,
}

impl Tier {
    const ALL: [Self; 2] = [Self::Best, Self::Healthy];
}

impl Circumstances<'_> {
    fn admits(&self, member: &Arc<Member>, tier: Tier) -> bool {
        member.is_healthy()
            && (tier == Tier::Healthy || !member.is_ejected(self.now_ms))
            && !self.tried.iter().any(|tried| Arc::ptr_eq(tried, member))
    }

    fn readiness(&self, member: &Member) -> u32 {
        member.readiness(self.slow_start, self.now_ms)
    }

    /// The weight, as far as the server is ready for it.
    fn share(&self, member: &Member) -> u64 {
        u64::from(member.weight) * u64::from(self.readiness(member))
    }
}

/// The smaller, the better; a server with twice the share is best for twice as many keys.
fn score(key: u64, member: &Member, share: u64) -> f64 {
    // The 53 bits that a float can tell apart; never zero.
    let unit = ((mix(key ^ member.point) >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
    -unit.ln() / share as f64
}

/// A number for a text, the same in every process and version (FNV-1a, mixed).
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// Mixes bits so that near numbers get far ones (the finaliser of SplitMix64).
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A number near the golden section of `total` that has no divisor with it.
fn stride(total: u64) -> u64 {
    let golden = (total as f64 * 0.618_033_988_749_895) as u64;
    (golden.max(1)..total.max(2)).find(|stride| gcd(*stride, total) == 1).unwrap_or(1)
}

fn gcd(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { gcd(other, one % other) }
}

/// Has two uses of one turn give different numbers.
const SALT: u64 = 0x5851_f42d_4c95_7f2d;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::upstream::member::Visit;
    use crate::upstream::tests::{member, outlier};

    fn members(weights: &[u32]) -> Members {
        let member = |(index, weight): (usize, &u32)| Arc::new(member(&format!("server-{index}:1"), *weight));
        Members::new(weights.iter().enumerate().map(member).collect())
    }

    fn at(turn: u64, tried: &[Arc<Member>]) -> Circumstances<'_> {
        Circumstances { now_ms: 1_000_000, slow_start: None, turn, tried }
    }

    /// How many of `turns` each server gets.
    fn shares(members: &Members, turns: u64, slow_start: Option<Duration>) -> Vec<u64> {
        let mut counts = vec![0; members.list.len()];
        for turn in 0..turns {
            let chosen = members.in_turn(Circumstances { slow_start, ..at(turn, &[]) }).expect("a server");
            let index =
                members.list.iter().position(|member| Arc::ptr_eq(member, chosen)).expect("one of them");
            counts[index] += 1;
        }
        counts
    }

    #[test]
    fn takes_turns_by_weight() {
        for (weights, turns, expected) in [
            (&[1, 1, 1][..], 9, &[3, 3, 3][..]),
            (&[5, 5], 10, &[5, 5]),
            (&[3, 1], 8, &[6, 2]),
            (&[5, 3, 2], 100, &[50, 30, 20]),
            (&[100, 1], 101, &[100, 1]),
            (&[7], 3, &[3]),
        ] {
            assert_eq!(shares(&members(weights), turns, None), expected, "{weights:?}");
        }
        let heavy = members(&[2, 1]);
        let order: Vec<_> =
            (0..6).filter_map(|turn| heavy.in_turn(at(turn, &[]))).map(|it| &it.address).collect();
        assert_ne!(
            order[0..4],
            [&order[0][..]; 4].map(str::to_owned).each_ref()[..],
            "not all of one in a row"
        );
    }

    #[test]
    fn a_missing_servers_turns_go_to_all_others() {
        let members = members(&[1, 1, 1, 1]);
        members.list[1].checked(false, 1, 1);
        members.list[3].eject(&outlier(1), 999_999);
        let counts = shares(&members, 1000, None);
        assert_eq!((counts[1], counts[3]), (0, 0));
        assert!(counts[0].abs_diff(counts[2]) < 100, "{counts:?}");
    }

    #[test]
    fn who_starts_gets_less() {
        let members = members(&[1, 1]);
        members.list[1].join(999_000);
        // A tenth of 10 s has passed.
        let counts = shares(&members, 10_000, Some(Duration::from_secs(10)));
        assert!((300..1500).contains(&counts[1]), "{counts:?}");
        assert_eq!(shares(&members, 100, None), [50, 50]);
    }

    #[test]
    fn an_ejected_server_is_better_than_none_and_an_unhealthy_one_is_not() {
        let members = members(&[1, 1]);
        let ways: [fn(&Members, Circumstances<'_>) -> Option<String>; 3] = [
            |members, at| members.in_turn(at).map(|member| member.address.clone()),
            |members, at| members.least_busy(at).map(|member| member.address.clone()),
            |members, at| members.for_key(7, at).map(|member| member.address.clone()),
        ];
        members.list[0].checked(false, 1, 1);
        members.list[1].eject(&outlier(1), 999_999);
        for way in ways {
            assert_eq!(way(&members, at(0, &[])).as_deref(), Some("server-1:1"));
            assert_eq!(way(&members, at(0, &[members.list[1].clone()])), None, "tried");
        }
        members.list[1].checked(false, 1, 1);
        for way in ways {
            assert_eq!(way(&members, at(0, &[])), None);
            assert_eq!(way(&Members::new(Vec::new()), at(3, &[])), None);
        }
    }

    #[test]
    fn finds_the_least_busy_for_its_weight() {
        for (weights, in_flight, turn, expected) in [
            (&[1, 1, 1][..], &[2, 1, 3][..], 0, 1),
            (&[1, 1, 1], &[0, 0, 0], 2, 2),
            (&[1, 1, 1], &[0, 0, 0], 4, 1),
            // (5 + 1) / 3 is as much as (1 + 1) / 1: the turn decides.
            (&[3, 1], &[5, 1], 0, 0),
            (&[3, 1], &[5, 1], 1, 1),
            (&[3, 1], &[4, 1], 1, 0),
        ] {
            let members = members(weights);
            let visits: Vec<_> = members
                .list
                .iter()
                .zip(in_flight)
                .flat_map(|(member, count)| (0..*count).map(|_| Visit::new(member.clone())))
                .collect();
            let chosen = members.least_busy(at(turn, &[])).map(|member| member.address.clone());
            assert_eq!(chosen, Some(format!("server-{expected}:1")), "{weights:?} {in_flight:?} {turn}");
            drop(visits);
        }
    }

    fn assignment(members: &Members) -> BTreeMap<u64, String> {
        let keys = (0..10_000u64).map(|key| hash(&key.to_le_bytes()));
        keys.filter_map(|key| Some((key, members.for_key(key, at(0, &[]))?.address.clone()))).collect()
    }

    #[test]
    fn only_the_keys_of_a_server_that_comes_or_goes_move() {
        let four = members(&[1, 1, 1, 1]);
        let before = assignment(&four);
        let share =
            |of: &BTreeMap<u64, String>, name: &str| of.values().filter(|server| *server == name).count();
        for index in 0..4 {
            let count = share(&before, &format!("server-{index}:1"));
            assert!((2200..2800).contains(&count), "{count}");
        }
        let fewer = Members::new(four.list.iter().filter(|it| it.address != "server-2:1").cloned().collect());
        let after = assignment(&fewer);
        assert!(before.iter().all(|(key, server)| server == "server-2:1" || after[key] == *server));
        four.list[2].eject(&outlier(1), 999_999);
        assert_eq!(assignment(&four), after, "ejected is as good as gone");
    }

    #[test]
    fn keys_follow_weights() {
        let members = members(&[3, 1]);
        let heavy = assignment(&members).values().filter(|server| *server == "server-0:1").count();
        assert!((7200..7800).contains(&heavy), "{heavy}");
    }

    /// Replicas and later versions must agree.
    #[test]
    fn numbers_do_not_change() {
        assert_eq!(hash(b""), mix(0xcbf2_9ce4_8422_2325));
        // Computed apart from this code.
        assert_eq!(hash(b"10.0.0.1:80"), 16_077_100_939_097_412_442);
    }
}
