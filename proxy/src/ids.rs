//! Transaction ids.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// A source of transaction ids: 32 lower-case hexadecimal digits each, as `UNIQUE_ID` has them.
///
/// A counter passed through two keyed hashes whose keys are drawn once a process: unique within it, not
/// to be guessed from outside, and free of system calls on the request path.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    keys: [RandomState; 2],
    count: AtomicU64,
}

impl Ids {
    /// The next id.
    pub(crate) fn next(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let [high, low] = &self.keys;
        // By hand: formatting costs several times as much, for every request.
        let mut id = [0; 32];
        let halves = [high.hash_one(count).to_be_bytes(), low.hash_one(count).to_be_bytes()];
        for (byte, digits) in halves.as_flattened().iter().zip(id.as_chunks_mut().0) {
            *digits = [digit(byte >> 4), digit(byte & 15)];
        }
        String::from_utf8(id.to_vec()).unwrap_or_default()
    }
}

fn digit(value: u8) -> u8 {
    value + if value < 10 { b'0' } else { b'a' - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_hexadecimal_and_distinct() {
        let ids = [Ids::default(), Ids::default()];
        let drawn: BTreeSet<String> = (0..1_000).map(|index| ids[index % 2].next()).collect();
        assert_eq!(drawn.len(), 1_000);
        let digits =
            |id: &String| id.len() == 32 && id.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
        assert!(drawn.iter().all(digits));
    }
}
