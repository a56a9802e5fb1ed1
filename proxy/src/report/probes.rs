//! Requests that somebody sends to see whether they arrive: `portcullis doctor`.
//!
//! A mark is announced on the admin listener first, then sent through the gateway in the query of each probe. What came of a
//! marked request is kept until it is asked for. A mark that nobody announced is text in a query, so clients can neither fill
//! anything here nor learn anything from it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use engine::{Evaluation, Outcome};
use serde_json::{Value, json};

/// Marks that are waited for, and what came with them.
#[derive(Default)]
pub(crate) struct Probes {
    /// How many marks are waited for: mostly none, and requests need no more than to see that.
    waiting: AtomicUsize,
    marks: Mutex<Vec<Mark>>,
}

struct Mark {
    text: String,
    until: Instant,
    seen: Vec<Value>,
}

impl Probes {
    /// Waits for a mark from now on, for [`WAIT`]. `false` if it is none, or too many are waited for.
    pub(crate) fn expect(&self, mark: &str, now: Instant) -> bool {
        if mark.len() != MARK_DIGITS || !mark.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return false;
        }
        let mut marks = self.current(now);
        marks.retain(|known| known.text != mark);
        let has_room = marks.len() < MARKS_MAX;
        if has_room {
            marks.push(Mark { text: mark.into(), until: now + WAIT, seen: Vec::new() });
        }
        self.waiting.store(marks.len(), Ordering::Relaxed);
        has_room
    }

    /// What came with a mark since it was asked last; `None` when nobody waits for it.
    pub(crate) fn take(&self, mark: &str, now: Instant) -> Option<Vec<Value>> {
        let mut marks = self.current(now);
        marks.iter_mut().find(|known| known.text == mark).map(|known| std::mem::take(&mut known.seen))
    }

    /// Keeps what came of a transaction, if it has a mark that is waited for; whether it has.
    pub(crate) fn look(&self, evaluation: &Evaluation, outcome: Outcome) -> bool {
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return false;
        }
        // Whoever waits may never ask again: without this all requests to come would look for the mark.
        let mut marks = self.current(Instant::now());
        let Some((mark, row)) = marked(evaluation.transaction().query_string()) else { return false };
        let Some(known) = marks.iter_mut().find(|known| known.text == mark) else { return false };
        if known.seen.len() < SEEN_MAX {
            known.seen.push(seen(row, evaluation, outcome));
        }
        true
    }

    /// The marks that are still waited for.
    fn current(&self, now: Instant) -> MutexGuard<'_, Vec<Mark>> {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.retain(|known| known.until > now);
        self.waiting.store(marks.len(), Ordering::Relaxed);
        marks
    }
}

/// The mark and the name of the probe in a query.
fn marked(query: &[u8]) -> Option<(&str, &str)> {
    let pair = query.split(|byte| *byte == b'&').find_map(|pair| pair.strip_prefix(PARAMETER.as_bytes()))?;
    std::str::from_utf8(pair).ok()?.split_once('.').filter(|(_, row)| row.len() <= ROW_BYTES_MAX)
}

fn seen(row: &str, evaluation: &Evaluation, outcome: Outcome) -> Value {
    let transaction = evaluation.transaction();
    let response = transaction.response.as_ref();
    json!({
        "row": row,
        "bodyBytes": transaction.body.bytes_total,
        "responseBytes": response.map(|response| response.bytes_total),
        "record": evaluation.record(outcome),
    })
}

/// What precedes mark and row in a query.
const PARAMETER: &str = "portcullis-probe=";
/// 128 bits.
const MARK_DIGITS: usize = 32;
/// The longest name of a probe (bytes).
const ROW_BYTES_MAX: usize = 32;
/// How long a mark is waited for.
const WAIT: Duration = Duration::from_secs(300);
/// How many marks at once: people at work.
const MARKS_MAX: usize = 8;
/// How many transactions are kept for each.
const SEEN_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn reads_marks() {
        for (query, wanted) in [
            ("portcullis-probe=ab.form", Some(("ab", "form"))),
            ("a=1&portcullis-probe=ab.x.y&b=2", Some(("ab", "x.y"))),
            ("portcullis-probe=ab", None),
            ("portcullis-probe=", None),
            ("q=portcullis-probe=ab.form", None),
            ("", None),
        ] {
            assert_eq!(marked(query.as_bytes()), wanted, "{query}");
        }
        assert_eq!(marked(b"portcullis-probe=\xff.form"), None);
        assert_eq!(marked(format!("portcullis-probe=ab.{}", "x".repeat(33)).as_bytes()), None);
    }

    #[test]
    fn waits_for_a_bounded_number_of_marks() {
        let (probes, now) = (Probes::default(), Instant::now());
        for wrong in ["", "abc", "zz23456789abcdef0123456789abcdef"] {
            assert!(!probes.expect(wrong, now), "{wrong}");
        }
        for number in 0..MARKS_MAX {
            assert!(probes.expect(&format!("{number:032x}"), now));
        }
        assert!(!probes.expect(MARK, now));
        // Again is no more.
        assert!(probes.expect(&format!("{:032x}", 1), now));
        let later = now + WAIT;
        assert_eq!(probes.take(&format!("{:032x}", 1), later), None);
        assert_eq!(probes.waiting.load(Ordering::Relaxed), 0);
        assert!(probes.expect(MARK, later));
        assert_eq!(probes.take(MARK, later), Some(Vec::new()));
    }
}
