//! One request's way from server to server: which one it is at, which ones failed it, and whether it may go on to another.
//!
//! A request goes on only where nobody can have acted on it twice (RFC 9110, section 9.2.2): where no server began with it, or its
//! method is idempotent; and only where its body is still here from its first byte.

use std::sync::Arc;
use std::time::Duration;

use engine::config::RetryOn;
use http::HeaderValue;
use pingora::upstreams::peer::HttpPeer;

use super::member::{Member, Visit};
use super::pool::Pool;

/// The tries of one request.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    visit: Option<Visit>,
    /// The server of the next try, chosen when it was decided that there is one.
    next: Option<Visit>,
    /// Servers that are not asked again.
    failed: Vec<Arc<Member>>,
    count: u32,
    deadline_ms: Option<u64>,
    /// Whether a server's final answer was taken.
    answered: bool,
}

/// What is asked of servers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// The key that leads to a server.
    pub(crate) key: Option<u64>,
    /// Whether it may be acted on more than once.
    pub(crate) idempotent: bool,
    /// Whether it wants to become another protocol's.
    pub(crate) upgrades: bool,
    /// Whether its body is here from the first byte, or it has none.
    pub(crate) replayable: bool,
}

/// Why a try failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There was no connection.
    Connect,
    /// The server says that it did not begin (RFC 9113, section 8.7).
    Refused,
    /// A kept connection turned out to be closed.
    Stale,
    /// The connection broke before the answer.
    Reset,
    /// No answer in time.
    Timeout,
    /// An answer that another server may better.
    Status(u16),
    /// Anything else: what the server sent is no answer.
    Other,
}

impl Failure {
    /// The value of the label `reason`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Refused => "refused",
            Self::Stale => "stale",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Status(_) => "status",
            Self::Other => "other",
        }
    }

    /// Whether a request may be tried again after it.
    fn may_be_retried(self, on: &RetryOn, asked: Asked) -> bool {
        let wanted = match self {
            Self::Connect | Self::Refused => on.connect,
            Self::Stale => on.stale || on.reset,
            Self::Reset => on.reset,
            Self::Timeout => on.timeout,
            Self::Status(status) => on.statuses.contains(&status),
            Self::Other => false,
        };
        let harmless = match self {
            // Nothing was sent on this try, and what others got was replayable or this would not be one.
            Self::Connect => true,
            Self::Refused => asked.replayable,
            _ => asked.idempotent && asked.replayable,
        };
        wanted && harmless
    }

    /// Whether the server is to blame, who may be asked again otherwise.
    fn blames_server(self) -> bool {
        !matches!(self, Self::Stale | Self::Refused)
    }
}

impl Tries {
    /// The server of the next try, and how long it may take. `None` when there is no server.
    pub(crate) fn begin(&mut self, pool: &Pool, asked: Asked) -> Option<HttpPeer> {
        if self.count == 0 {
            let timeout = pool.settings().timeout.filter(|_| !asked.upgrades);
            self.deadline_ms = timeout.map(|timeout| pool.now_ms().saturating_add(millis(timeout)));
        }
        // The one before is over, whatever comes.
        self.visit = None;
        let visit = self.next.take().or_else(|| self.choose(pool, asked))?;
        self.count += 1;
        let mut peer = visit.member.peers.peer(asked.upgrades);
        self.limit(&mut peer, pool, asked);
        self.visit = Some(visit);
        Some(peer)
    }

    fn choose(&self, pool: &Pool, asked: Asked) -> Option<Visit> {
        match self.count {
            0 => pool.choose(asked.key),
            _ => pool.choose_again(asked.key, &self.failed),
        }
    }

    fn limit(&self, peer: &mut HttpPeer, pool: &Pool, asked: Asked) {
        let retries = &pool.settings().retries;
        let repeatable =
            self.count < retries.tries_max && Failure::Timeout.may_be_retried(&retries.on, asked);
        let per_try = retries.per_try_timeout.filter(|_| repeatable);
        let left = self
            .deadline_ms
            .map(|deadline_ms| Duration::from_millis(deadline_ms.saturating_sub(pool.now_ms()).max(1)));
        let options = &mut peer.options;
        for most in [per_try, left].into_iter().flatten() {
            options.read_timeout = options.read_timeout.map(|timeout| timeout.min(most));
        }
        if let Some(left) = left {
            options.connection_timeout = options.connection_timeout.map(|timeout| timeout.min(left));
            options.total_connection_timeout =
                options.total_connection_timeout.map(|timeout| timeout.min(left));
            options.write_timeout = options.write_timeout.map(|timeout| timeout.min(left));
        }
    }

    /// The Host that the server gets; `None` for the client's.
    pub(crate) fn host(&self, pool: &Pool) -> Option<HeaderValue> {
        pool.host(&self.visit.as_ref()?.member)
    }

    /// The server answers with this status. Whether another is asked instead.
    pub(crate) fn answered(&mut self, pool: &Pool, status: u16, asked: Asked) -> bool {
        if let Some(visit) = &self.visit {
            pool.answered(&visit.member, status);
        }
        let again = self.goes_on(pool, Failure::Status(status), asked);
        self.answered = !again;
        again
    }

    /// The try failed. Whether there is another.
    pub(crate) fn failed(&mut self, pool: &Pool, failure: Failure, asked: Asked) -> bool {
        if self.answered {
            return false;
        }
        if let Some(visit) = self.visit.as_ref().filter(|_| failure.blames_server()) {
            pool.failed(&visit.member);
        }
        self.goes_on(pool, failure, asked)
    }

    /// Chooses the server of another try, if there may be one.
    fn goes_on(&mut self, pool: &Pool, failure: Failure, asked: Asked) -> bool {
        let retries = &pool.settings().retries;
        if self.count >= retries.tries_max
            || self.is_over(pool)
            || !failure.may_be_retried(&retries.on, asked)
        {
            return false;
        }
        let before = self.failed.len();
        self.failed
            .extend(self.visit.iter().filter(|_| failure.blames_server()).map(|visit| visit.member.clone()));
        self.next = pool.choose_again(asked.key, &self.failed);
        if self.next.is_none() && failure == Failure::Reset {
            // There is no other: this one may have ended a connection and be well.
            self.failed.truncate(before);
            self.next = pool.choose_again(asked.key, &self.failed);
        }
        self.next.is_some()
    }

    /// Whether it takes longer than it may.
    pub(crate) fn is_over(&self, pool: &Pool) -> bool {
        self.deadline_ms.is_some_and(|deadline_ms| pool.now_ms() >= deadline_ms)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::tests::Fixture;

    const GET: Asked = Asked { key: None, idempotent: true, upgrades: false, replayable: true };
    const POST: Asked = Asked { idempotent: false, ..GET };
    const LONG_PUT: Asked = Asked { replayable: false, ..GET };
    const LONG_POST: Asked = Asked { replayable: false, ..POST };

    #[test]
    fn repeats_only_what_may_be_repeated() {
        use Failure::{Connect, Other, Refused, Reset, Stale, Status, Timeout};
        let all = "tries_max: 3, on: [connect, stale, reset, timeout, 502]";
        for (retries, failure, allowed) in [
            // In the order GET, POST, a PUT and a POST that cannot be sent again.
            ("", Connect, [true, true, true, true]),
            ("", Refused, [true, true, false, false]),
            ("", Stale, [true, false, false, false]),
            ("", Reset, [false; 4]),
            ("", Timeout, [false; 4]),
            ("", Status(502), [false; 4]),
            (all, Reset, [true, false, false, false]),
            (all, Timeout, [true, false, false, false]),
            (all, Status(502), [true, false, false, false]),
            (all, Status(503), [false; 4]),
            (all, Other, [false; 4]),
            ("on: [reset]", Connect, [false; 4]),
            ("on: [reset]", Stale, [true, false, false, false]),
            ("tries_max: 1", Connect, [false; 4]),
        ] {
            for (asked, expected) in [GET, POST, LONG_PUT, LONG_POST].into_iter().zip(allowed) {
                let pool = Fixture::new(&format!("retries: {{ {retries} }}")).pool(2);
                let mut tries = Tries::default();
                tries.begin(&pool, asked).expect("a server");
                let again = match failure {
                    Status(status) => tries.answered(&pool, status, asked),
                    failure => tries.failed(&pool, failure, asked),
                };
                assert_eq!(again, expected, "{retries} {failure:?} {asked:?}");
            }
        }
    }

    #[test]
    fn asks_each_server_once_but_one_whose_connection_was_stale() {
        for (failure, servers, tries_max, expected) in [
            (Failure::Connect, 3, 10, 3),
            (Failure::Connect, 1, 10, 1),
            (Failure::Connect, 3, 2, 2),
            (Failure::Stale, 1, 4, 4),
            (Failure::Reset, 1, 4, 4),
            (Failure::Timeout, 2, 9, 2),
            (Failure::Status(503), 2, 9, 2),
        ] {
            let retries =
                format!("retries: {{ tries_max: {tries_max}, on: [connect, stale, reset, timeout, 503] }}");
            let pool = Fixture::new(&retries).pool(servers);
            let (mut tries, mut count) = (Tries::default(), 0);
            loop {
                let peer = tries.begin(&pool, GET).expect("a server");
                assert!(count < 20, "{peer}");
                count += 1;
                let again = match failure {
                    Failure::Status(status) => tries.answered(&pool, status, GET),
                    failure => tries.failed(&pool, failure, GET),
                };
                if !again {
                    break;
                }
            }
            assert_eq!(count, expected, "{failure:?} {servers}");
            let busy: usize = pool.health().iter().map(|server| server.in_flight).sum();
            assert_eq!(busy, 1, "only the last is at a server");
            drop(tries);
            assert!(pool.health().iter().all(|server| server.in_flight == 0));
        }
    }

    #[test]
    fn nothing_is_repeated_once_an_answer_was_taken() {
        let pool = Fixture::new("retries: { on: [connect, stale, reset, timeout] }").pool(2);
        let mut tries = Tries::default();
        tries.begin(&pool, GET).expect("a server");
        assert!(!tries.answered(&pool, 200, GET));
        for failure in [Failure::Stale, Failure::Reset, Failure::Timeout, Failure::Refused] {
            assert!(!tries.failed(&pool, failure, GET), "{failure:?}");
        }
    }

    #[test]
    fn keeps_to_its_times() {
        let more = "timeout: 10s, read_timeout: 60s, connect_timeout: 5s,
                    retries: { tries_max: 2, on: [connect, timeout], per_try_timeout: 2s }";
        let fixture = Fixture::new(more);
        let pool = fixture.pool(3);
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
        for (asked, first, second) in [
            (GET, (Some(2), Some(5)), (Some(3), Some(3))),
            // What is not repeated may take its time; what becomes a WebSocket has no end.
            (POST, (Some(10), Some(5)), (Some(3), Some(3))),
            (Asked { upgrades: true, ..GET }, (Some(2), Some(5)), (Some(60), Some(5))),
        ] {
            let mut tries = Tries::default();
            for (passed_s, expected) in [(0, first), (7, second)] {
                fixture.clock.pass(passed_s * 1000);
                let peer = tries.begin(&pool, asked).expect("a server");
                let found = (seconds(peer.options.read_timeout), seconds(peer.options.connection_timeout));
                assert_eq!(found, expected, "{asked:?} after {passed_s} s");
            }
            assert!(!tries.is_over(&pool));
            fixture.clock.pass(3_000);
            assert_eq!(tries.is_over(&pool), !asked.upgrades);
            let mut late = Tries { count: 1, deadline_ms: tries.deadline_ms, ..Tries::default() };
            assert_eq!(late.failed(&pool, Failure::Connect, asked), asked.upgrades);
        }
    }
}
