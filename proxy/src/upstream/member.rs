//! One server of a pool: what is known of it, in numbers that every thread may read and write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use engine::config::Outlier;
use serde::Serialize;

use super::peer::Peers;

/// A server of a pool, at one address.
#[derive(Debug)]
pub(crate) struct Member {
    /// What it is known by: its address, and its name where that makes a difference.
    pub(super) identity: String,
    /// Its address, for people.
    pub(super) address: String,
    /// Its name and port, as a Host.
    pub(super) host: String,
    /// How it is reached.
    pub(super) peers: Peers,
    /// Its share of the requests, in relation to the others'.
    pub(super) weight: u32,
    /// Where it stands among the others for keys; the same in every process.
    pub(super) point: u64,
    state: State,
}

#[derive(Debug)]
struct State {
    in_flight: AtomicUsize,
    requests: AtomicU64,
    healthy: AtomicBool,
    /// Checks in a row that say otherwise than `healthy`.
    contrary_checks: AtomicU32,
    /// Failures in a row.
    failures: AtomicU32,
    /// Ejections since it answered last.
    ejections: AtomicU32,
    ejections_total: AtomicU64,
    /// When it gets requests again (ms); 0: it was not ejected.
    ejected_until: AtomicU64,
    /// When it came or became healthy (ms); 0: it was there from the beginning.
    since: AtomicU64,
}

/// What is said about one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    pub(crate) server: String,
    pub(crate) healthy: bool,
    /// Whether it gets no requests for a while because those before failed.
    pub(crate) ejected: bool,
    pub(crate) in_flight: usize,
    #[serde(skip)]
    pub(crate) requests: u64,
    #[serde(skip)]
    pub(crate) ejections: u64,
}

impl Member {
    pub(super) fn new(identity: String, address: String, host: String, peers: Peers, weight: u32) -> Self {
        let point = super::select::hash(identity.as_bytes());
        let state = State {
            in_flight: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            healthy: AtomicBool::new(true),
            contrary_checks: AtomicU32::new(0),
            failures: AtomicU32::new(0),
            ejections: AtomicU32::new(0),
            ejections_total: AtomicU64::new(0),
            ejected_until: AtomicU64::new(0),
            since: AtomicU64::new(0),
        };
        Self { identity, address, host, peers, weight, point, state }
    }

    /// Takes over what was known of the same server; its health only where it `is_checked` again.
    pub(super) fn inherit(&self, before: &Self, is_checked: bool) {
        let (mine, theirs) = (&self.state, &before.state);
        mine.requests.store(theirs.requests.load(Relaxed), Relaxed);
        mine.healthy.store(theirs.healthy.load(Relaxed) || !is_checked, Relaxed);
        mine.failures.store(theirs.failures.load(Relaxed), Relaxed);
        mine.ejections.store(theirs.ejections.load(Relaxed), Relaxed);
        mine.ejections_total.store(theirs.ejections_total.load(Relaxed), Relaxed);
        mine.ejected_until.store(theirs.ejected_until.load(Relaxed), Relaxed);
        mine.since.store(theirs.since.load(Relaxed), Relaxed);
    }

    /// It joins servers that are at work.
    pub(super) fn join(&self, now_ms: u64) {
        self.state.since.store(now_ms, Relaxed);
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.state.healthy.load(Relaxed)
    }

    pub(super) fn is_ejected(&self, now_ms: u64) -> bool {
        now_ms < self.state.ejected_until.load(Relaxed)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.state.in_flight.load(Relaxed)
    }

    /// How much of its share it gets (per mille): less while it starts.
    pub(super) fn readiness(&self, slow_start: Option<Duration>, now_ms: u64) -> u32 {
        let Some(whole) = slow_start else { return WHOLE };
        let since = self.state.since.load(Relaxed).max(self.state.ejected_until.load(Relaxed));
        if since == 0 {
            return WHOLE;
        }
        let whole = u64::try_from(whole.as_millis()).unwrap_or(u64::MAX).max(1);
        let part = now_ms.saturating_sub(since).saturating_mul(u64::from(WHOLE)) / whole;
        u32::try_from(part).unwrap_or(WHOLE).clamp(LEAST, WHOLE)
    }

    /// What a check said. Whether its health changed.
    pub(super) fn checked(&self, passed: bool, changes_after: u32, now_ms: u64) -> bool {
        let state = &self.state;
        if state.healthy.load(Relaxed) == passed {
            state.contrary_checks.store(0, Relaxed);
            return false;
        }
        if state.contrary_checks.fetch_add(1, Relaxed) + 1 < changes_after {
            return false;
        }
        state.contrary_checks.store(0, Relaxed);
        if passed {
            // Failures from before are of the server that was down.
            state.failures.store(0, Relaxed);
            state.since.store(now_ms, Relaxed);
        }
        state.healthy.store(passed, Relaxed);
        true
    }

    /// It answered.
    pub(super) fn succeeded(&self) {
        // Read first: written to by every request, the line would travel between processors.
        if self.state.failures.load(Relaxed) != 0 {
            self.state.failures.store(0, Relaxed);
        }
        if self.state.ejections.load(Relaxed) != 0 {
            self.state.ejections.store(0, Relaxed);
        }
    }

    /// It did not answer. Whether that was once too often.
    pub(super) fn failed(&self, outlier: &Outlier) -> bool {
        self.state.failures.fetch_add(1, Relaxed) + 1 >= outlier.consecutive_failures
    }

    /// It gets no requests for a while: each time in a row longer.
    pub(super) fn eject(&self, outlier: &Outlier, now_ms: u64) -> Duration {
        let times = self.state.ejections.fetch_add(1, Relaxed).saturating_add(1).min(TIMES_MAX);
        let time = outlier.ejection.saturating_mul(times);
        let until = now_ms.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        self.state.failures.store(0, Relaxed);
        self.state.ejections_total.fetch_add(1, Relaxed);
        self.state.ejected_until.store(until, Relaxed);
        time
    }

    pub(super) fn health(&self, now_ms: u64) -> Health {
        Health {
            server: self.address.clone(),
            healthy: self.is_healthy(),
            ejected: self.is_ejected(now_ms),
            in_flight: self.in_flight(),
            requests: self.state.requests.load(Relaxed),
            ejections: self.state.ejections_total.load(Relaxed),
        }
    }
}

/// A request that is at a server, for as long as this is kept.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(super) member: Arc<Member>,
}

impl Visit {
    pub(super) fn new(member: Arc<Member>) -> Self {
        member.state.in_flight.fetch_add(1, Relaxed);
        member.state.requests.fetch_add(1, Relaxed);
        Self { member }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.member.state.in_flight.fetch_sub(1, Relaxed);
    }
}

/// The whole share (per mille).
pub(super) const WHOLE: u32 = 1000;
/// The share that a server begins with (per mille).
const LEAST: u32 = 100;
/// How much longer than the first an ejection is, at most (times).
const TIMES_MAX: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::tests::{member, outlier};

    #[test]
    fn starts_slowly() {
        let member = member("a:1", 1);
        let slow = Some(Duration::from_secs(10));
        assert_eq!(member.readiness(slow, 5_000), WHOLE, "there from the beginning");
        member.join(10_000);
        for (now_ms, expected) in
            [(10_000, 100), (11_000, 100), (15_000, 500), (20_000, WHOLE), (90_000, WHOLE)]
        {
            assert_eq!(member.readiness(slow, now_ms), expected, "{now_ms}");
            assert_eq!(member.readiness(None, now_ms), WHOLE);
        }
        member.eject(&outlier(1), 100_000);
        assert_eq!(member.readiness(slow, 131_000), 100, "after an ejection likewise");
    }

    #[test]
    fn is_out_longer_each_time_until_it_answers() {
        let (member, outlier) = (member("a:1", 1), outlier(2));
        for (now_ms, seconds) in [(0, 30), (40_000, 60), (110_000, 90)] {
            assert!(!member.failed(&outlier));
            assert!(member.failed(&outlier));
            assert_eq!(member.eject(&outlier, now_ms), Duration::from_secs(seconds));
            assert!(member.is_ejected(now_ms + seconds * 1000 - 1));
            assert!(!member.is_ejected(now_ms + seconds * 1000));
        }
        member.succeeded();
        assert!(!member.failed(&outlier), "they were not in a row");
        assert_eq!(member.eject(&outlier, 0), Duration::from_secs(30));
        for _ in 0..20 {
            member.eject(&outlier, 0);
        }
        assert_eq!(member.eject(&outlier, 0), Duration::from_secs(300));
    }

    #[test]
    fn changes_its_health_after_some_checks() {
        let member = member("a:1", 1);
        for (passed, changes_after, changed, healthy) in [
            (false, 3, false, true),
            (false, 3, false, true),
            (true, 1, false, true),
            (false, 3, false, true),
            (false, 3, false, true),
            (false, 3, true, false),
            (true, 2, false, false),
            (true, 2, true, true),
        ] {
            assert_eq!(member.checked(passed, changes_after, 1), changed);
            assert_eq!(member.is_healthy(), healthy);
        }
    }

    #[test]
    fn counts_what_is_in_flight() {
        let member = Arc::new(member("a:1", 1));
        let visits = [Visit::new(member.clone()), Visit::new(member.clone())];
        assert_eq!((member.in_flight(), member.health(0).requests), (2, 2));
        drop(visits);
        assert_eq!((member.in_flight(), member.health(0).requests), (0, 2));
    }
}
