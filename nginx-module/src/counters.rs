//! What all workers count together, in memory that they share, and whether it is still worth asking.
//!
//! The numbers add up: `requests` is counted when nginx logs a request; of each, exactly one of the others says what became of it. So it is
//! with [`Responses`], where answers are shown as well.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many reasons there are.
pub const REASONS: usize = 3;

/// Why a request got no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// Nobody is there, or went away.
    Down,
    /// No answer came in time.
    Late,
    /// An answer came that is none.
    Error,
}

impl Reason {
    pub const ALL: [Self; REASONS] = [Self::Down, Self::Late, Self::Error];

    /// As the agent and `$portcullis_verdict` have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Late => "late",
            Self::Error => "error",
        }
    }
}

/// What got no verdict, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    Request(Reason),
    Response(Reason),
}

impl Missed {
    pub fn reason(self) -> Reason {
        match self {
            Self::Request(reason) | Self::Response(reason) => reason,
        }
    }

    /// Its place among all of them.
    fn index(self) -> usize {
        match self {
            Self::Request(reason) => reason as usize,
            Self::Response(reason) => REASONS + reason as usize,
        }
    }
}

/// In how many ways something can be missed: a request, or its answer, for each reason.
pub const MISSED: usize = 2 * REASONS;

/// As the agent has them.
pub const MISSED_NAMES: [&str; MISSED] =
    ["down", "late", "error", "response-down", "response-late", "response-error"];

/// Failures without an answer between them after which only one request a second still asks.
const FAILURES_MAX: u64 = 10;

/// Zeros are a valid beginning: memory shared with workers before a reload is taken as it is.
#[repr(C)]
#[derive(Default)]
pub struct Counters {
    /// Logged by nginx, without subrequests.
    pub requests: AtomicU64,
    /// The agent had nothing against it, or its policy only detects.
    pub passed: AtomicU64,
    /// Not to go on, by the agent's word.
    pub refused: AtomicU64,
    /// No verdict, and let through: by reason.
    pub missed_open: [AtomicU64; REASONS],
    /// No verdict, and refused: by reason.
    pub missed_closed: [AtomicU64; REASONS],
    /// In a location with `portcullis off`.
    pub off: AtomicU64,
    /// Answered by nginx before anybody was asked: a redirect, an error, a limit, a body that did not come.
    pub answered: AtomicU64,
    /// The client went away before there was an answer.
    pub aborted: AtomicU64,
    pub responses: Responses,
    untold: [AtomicU64; MISSED],
    /// Since the last answer.
    failures: AtomicU64,
    /// The second in which one request last asked although nobody answers.
    probed: AtomicU64,
    /// The second in which one request last told what was missed.
    telling: AtomicU64,
    /// What was missed since a line of the log last said so, and the second of that line.
    unsaid: [AtomicU64; MISSED],
    said: [AtomicU64; MISSED],
}

/// What became of answers. Of those to requests that passed where `portcullis_responses` is on, `all` counts each, and exactly one of the
/// others but the last.
#[repr(C)]
#[derive(Default)]
pub struct Responses {
    pub all: AtomicU64,
    /// The agent had nothing against it, or its policy only detects.
    pub passed: AtomicU64,
    pub refused: AtomicU64,
    /// The agent does not want to see it.
    pub unwanted: AtomicU64,
    /// No verdict, and let through: by reason.
    pub missed_open: [AtomicU64; REASONS],
    /// No verdict, and the client got 503: by reason.
    pub missed_closed: [AtomicU64; REASONS],
    /// There was none, or the client did not wait for it.
    pub aborted: AtomicU64,
    /// Parts of answers that nginx puts in by itself, which are not shown (SSI, `add_after_body`, `slice`).
    pub parts: AtomicU64,
}

impl Responses {
    /// One more, and what became of it.
    pub fn count(&self, became: &AtomicU64) {
        self.all.fetch_add(1, Relaxed);
        became.fetch_add(1, Relaxed);
    }
}

impl Counters {
    /// One more answer without a verdict.
    pub fn fail_response(&self, reason: Reason, passes: bool) {
        let responses = &self.responses;
        let kind = if passes { &responses.missed_open } else { &responses.missed_closed };
        responses.count(&kind[reason as usize]);
        self.untold[Missed::Response(reason).index()].fetch_add(1, Relaxed);
        self.failures.fetch_add(1, Relaxed);
    }

    /// One more without a verdict.
    pub fn fail(&self, reason: Reason, passes: bool, was_asked: bool) {
        let kind = if passes { &self.missed_open } else { &self.missed_closed };
        kind[reason as usize].fetch_add(1, Relaxed);
        self.untold[Missed::Request(reason).index()].fetch_add(1, Relaxed);
        if was_asked {
            self.failures.fetch_add(1, Relaxed);
        }
    }

    /// Somebody answers.
    pub fn succeed(&self) {
        // Read first: a line of the cache that nobody writes is shared by all workers.
        if self.failures.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
        }
    }

    /// Whether to ask nobody. While nobody answers, one request in each second still asks.
    pub fn is_open(&self, second: u64) -> bool {
        self.failures.load(Relaxed) >= FAILURES_MAX && !is_first(&self.probed, second)
    }

    /// Takes what is to be told; one request a second does.
    pub fn take_untold(&self, second: u64) -> [u64; MISSED] {
        let nothing = self.untold.iter().all(|count| count.load(Relaxed) == 0);
        if nothing || !is_first(&self.telling, second) {
            return [0; MISSED];
        }
        self.untold.each_ref().map(|count| count.swap(0, Relaxed))
    }

    /// One more was missed: how many are to be said. One line a second is, as whoever asks enough would fill a disk.
    pub fn to_say(&self, missed: Missed, second: u64) -> Option<u64> {
        let unsaid = &self.unsaid[missed.index()];
        unsaid.fetch_add(1, Relaxed);
        is_first(&self.said[missed.index()], second).then(|| unsaid.swap(0, Relaxed))
    }

    /// It was not told after all.
    pub fn give_back(&self, untold: [u64; MISSED]) {
        for (count, back) in self.untold.iter().zip(untold) {
            count.fetch_add(back, Relaxed);
        }
    }
}

/// Whether nobody was before us in this second.
fn is_first(last: &AtomicU64, second: u64) -> bool {
    let seen = last.load(Relaxed);
    seen != second && last.compare_exchange(seen, second, Relaxed, Relaxed).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_once_a_second_while_nobody_answers() {
        let counters = Counters::default();
        for _ in 0..FAILURES_MAX {
            assert!(!counters.is_open(1));
            counters.fail(Reason::Late, true, true);
        }
        assert_eq!([1, 1, 1, 2, 2].map(|second| counters.is_open(second)), [false, true, true, false, true]);
        counters.fail(Reason::Down, true, false);
        assert!(counters.is_open(2));
        counters.succeed();
        assert!(!counters.is_open(2));
    }

    #[test]
    fn reasons_have_one_name() {
        for (reason, name) in Reason::ALL.into_iter().zip(MISSED_NAMES) {
            let (request, response) = (Missed::Request(reason), Missed::Response(reason));
            assert_eq!([request, response].map(|missed| missed.reason().as_str()), [name; 2]);
            assert_eq!(MISSED_NAMES[request.index()], name);
            assert_eq!(MISSED_NAMES[response.index()], format!("response-{name}"));
        }
    }

    #[test]
    fn what_was_missed_is_said_once_a_second() {
        let counters = Counters::default();
        for (missed, second, expected) in [
            (Missed::Request(Reason::Down), 1, Some(1)),
            (Missed::Request(Reason::Down), 1, None),
            (Missed::Request(Reason::Late), 1, Some(1)),
            (Missed::Response(Reason::Down), 1, Some(1)),
            (Missed::Request(Reason::Down), 1, None),
            (Missed::Request(Reason::Down), 2, Some(3)),
            (Missed::Request(Reason::Down), 2, None),
        ] {
            assert_eq!(counters.to_say(missed, second), expected, "{missed:?} {second}");
        }
    }

    #[test]
    fn what_was_missed_is_told_once() {
        let counters = Counters::default();
        assert_eq!(counters.take_untold(1), [0; MISSED]);
        counters.fail(Reason::Down, true, true);
        counters.fail(Reason::Down, false, true);
        counters.fail(Reason::Error, true, true);
        counters.fail_response(Reason::Late, false);
        assert_eq!(counters.take_untold(1), [2, 0, 1, 0, 1, 0]);
        counters.give_back([2, 0, 1, 0, 1, 0]);
        assert_eq!(counters.take_untold(1), [0; MISSED], "one request a second");
        assert_eq!(counters.take_untold(2), [2, 0, 1, 0, 1, 0]);
        assert_eq!(counters.take_untold(3), [0; MISSED]);
        assert_eq!(counters.missed_open.each_ref().map(|count| count.load(Relaxed)), [1, 0, 1]);
        assert_eq!(counters.missed_closed.each_ref().map(|count| count.load(Relaxed)), [1, 0, 0]);
        let responses = &counters.responses;
        assert_eq!(responses.missed_closed.each_ref().map(|count| count.load(Relaxed)), [0, 1, 0]);
        assert_eq!(responses.all.load(Relaxed), 1);
    }
}
