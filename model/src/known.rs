//! Values that were looked at a moment ago.
//!
//! The same User-Agent, referring page and cookies come with request after request, and where a cookie's time changes,
//! its other parts do not. What was said of such a value depends on its bytes alone, or on where it is as well, so it
//! need not be said again. Whole values are compared, not hashes of them: a value that shares a hash with an ordinary
//! one is not ordinary for that.

use std::ops::Range;

use crate::Location;

/// Values that are kept (count).
const SLOTS: usize = 2_048;
/// What all of them take (bytes, a thread): the oldest make room.
const ROOM_BYTES: usize = 1 << 20;
/// The longest value that is kept (bytes).
const BYTES_MAX: usize = 4 << 10;
/// The shortest for which looking it up is cheaper than looking at it (bytes).
const BYTES_MIN: usize = 16;

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// All views of a value that is still percent-encoded.
    Encoded,
    /// All views of one that is not.
    #[default]
    Decoded,
    /// One view that was ordinary, of a part of a value or of what an encoding hid.
    View,
    /// One view there that was not ordinary, when nothing is known of its parameter.
    Strange(Location),
}

impl Kind {
    fn number(self) -> u64 {
        match self {
            Self::Encoded => 0,
            Self::Decoded => 1,
            Self::View => 2,
            Self::Strange(location) => 3 + location as u64,
        }
    }
}

/// Values with their scores. Each has one place, by its hash; the last to come has it.
#[derive(Debug)]
pub(crate) struct Known {
    slots: Vec<Slot>,
    /// The values, one after another, and round again.
    room: Vec<u8>,
    /// Bytes that were ever written to the room.
    written: u64,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    hash: u64,
    /// What was written before the value; it is still there until as much as there is room for was written since.
    start: u64,
    length: usize,
    kind: Kind,
    seen: Seen,
}

/// What was said of a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// The highest log-odds of its views; `-inf` when it has none.
    pub(crate) log_odds: f32,
    /// The bytes that say so.
    pub(crate) range: Range<usize>,
}

impl Default for Known {
    fn default() -> Self {
        Self { slots: vec![Slot::default(); SLOTS], room: vec![0; ROOM_BYTES], written: 0 }
    }
}

impl Known {
    /// What was said of a value, if it is still kept.
    pub(crate) fn get(&self, value: &[u8], kind: Kind) -> Option<Seen> {
        if !(BYTES_MIN..=BYTES_MAX).contains(&value.len()) {
            return None;
        }
        let hash = hash(value, kind);
        let slot = &self.slots[place(hash)];
        let is_same = slot.hash == hash && slot.kind == kind && self.bytes(slot) == Some(value);
        is_same.then(|| slot.seen.clone())
    }

    /// Keeps what is said of a value.
    pub(crate) fn keep(&mut self, value: &[u8], kind: Kind, seen: Seen) {
        if !(BYTES_MIN..=BYTES_MAX).contains(&value.len()) {
            return;
        }
        // A value is not cut at the end of the room.
        let before_end = ROOM_BYTES - offset(self.written);
        let skipped = if value.len() > before_end { before_end } else { 0 };
        let start = self.written + skipped as u64;
        self.room[offset(start)..][..value.len()].copy_from_slice(value);
        self.written = start + value.len() as u64;
        let hash = hash(value, kind);
        self.slots[place(hash)] = Slot { hash, start, length: value.len(), kind, seen };
    }

    fn bytes(&self, slot: &Slot) -> Option<&[u8]> {
        let is_there = self.written - slot.start <= ROOM_BYTES as u64;
        is_there.then(|| &self.room[offset(slot.start)..][..slot.length])
    }
}

/// Where in the room what is written next goes, when so much was written.
fn offset(written: u64) -> usize {
    (written % ROOM_BYTES as u64) as usize
}

fn place(hash: u64) -> usize {
    (hash >> 32) as usize % SLOTS
}

/// Who sends values that share a hash makes them be looked at again, and nothing else.
fn hash(value: &[u8], kind: Kind) -> u64 {
    let add = |hash: u64, word: [u8; 8]| {
        (hash.rotate_left(23) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95)
    };
    let (words, rest) = value.as_chunks::<8>();
    let start = kind.number() << 32 | value.len() as u64;
    let hash = words.iter().fold(start, |hash, word| add(hash, *word));
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let hash = add(hash, last);
    // The last bytes are in the upper half only.
    (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(log_odds: f32) -> Seen {
        Seen { log_odds, range: 0..4 }
    }

    #[test]
    fn keeps_the_last() {
        let mut known = Known::default();
        let value = b"Mozilla/5.0 (X11; Linux x86_64)";
        assert_eq!(known.get(value, Kind::Encoded), None);
        known.keep(value, Kind::Encoded, seen(-12.0));
        assert_eq!(known.get(value, Kind::Encoded), Some(seen(-12.0)));
        assert_eq!(known.get(value, Kind::Decoded), None);
        assert_eq!(known.get(b"Mozilla/5.0 (X11; Linux x86_65)", Kind::Encoded), None);
        known.keep(value, Kind::Strange(Location::Query), seen(3.0));
        assert_eq!(known.get(value, Kind::Strange(Location::Query)), Some(seen(3.0)));
        assert_eq!(known.get(value, Kind::Strange(Location::Header)), None);
        assert_eq!(known.get(value, Kind::Encoded), Some(seen(-12.0)));
        known.keep(b"short", Kind::Encoded, seen(-12.0));
        assert_eq!(known.get(b"short", Kind::Encoded), None);
    }

    #[test]
    fn forgets_the_oldest() {
        let mut known = Known::default();
        let values: Vec<_> = (0..3_000).map(|n| format!("{n:01000}").into_bytes()).collect();
        values.iter().for_each(|value| known.keep(value, Kind::Decoded, seen(-12.0)));
        let kept = values.iter().filter(|value| known.get(value, Kind::Decoded).is_some()).count();
        assert!((500..=ROOM_BYTES / 1_000).contains(&kept), "{kept}");
        assert!(known.get(&values[2_999], Kind::Decoded).is_some());
        assert_eq!(known.room.len(), ROOM_BYTES);
    }
}
