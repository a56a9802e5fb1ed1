//! Values that were screened a moment ago.
//!
//! The same User-Agent, languages and cookies come with request after request, and most headers are looked at
//! in two phases. Which rules a value may match depends on its bytes alone, so screening need not say it again,
//! nor need a rule that was asked and said no. Whole values are compared, not hashes of them.

/// Values that are kept (count), short ones and long ones.
const SLOTS: [usize; 2] = [2_048, 128];
/// The longest of each that is kept (bytes): together at most 1.5 MiB.
const BYTES_MAX: [usize; 2] = [256, 8 << 10];

/// Screened values, each with the rules that may still match it. Each has one place, by its hash; the last to
/// come has it.
#[derive(Debug)]
pub(super) struct Known {
    slots: Vec<Slot>,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    /// Of the value that is here; 0 when none is.
    class: u32,
    bytes: Vec<u8>,
    rules: Vec<u32>,
}

/// Where a value of a class was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    slot: u32,
    class: u32,
}

impl Default for Known {
    fn default() -> Self {
        Self { slots: vec![Slot::default(); SLOTS[0] + SLOTS[1]] }
    }
}

impl Known {
    /// The rules of a class that may match a value, if it is still kept.
    pub(super) fn get(&self, class: u32, value: &[u8]) -> Option<(Place, &[u32])> {
        let slot = slot_of(class, value)?;
        let kept = &self.slots[slot];
        kept.is(class, value).then_some((Place { slot: slot as u32, class }, kept.rules.as_slice()))
    }

    /// Keeps a value with the rules that may match it.
    pub(super) fn keep(&mut self, class: u32, value: &[u8], rules: &[u32]) -> Option<Place> {
        let slot = slot_of(class, value)?;
        let kept = &mut self.slots[slot];
        kept.class = class;
        kept.bytes.clear();
        kept.bytes.extend_from_slice(value);
        kept.rules.clear();
        kept.rules.extend_from_slice(rules);
        Some(Place { slot: slot as u32, class })
    }

    /// Remembers that a rule does not match a value, if that is still where it was put.
    pub(super) fn rule_out(&mut self, place: Place, value: &[u8], rule: u32) {
        if let Some(kept) = self.slots.get_mut(place.slot as usize).filter(|it| it.is(place.class, value)) {
            kept.rules.retain(|it| *it != rule);
        }
    }
}

impl Slot {
    fn is(&self, class: u32, value: &[u8]) -> bool {
        self.class == class && self.bytes == value
    }
}

/// The place of a value; long ones have none. Who sends values that share one makes them be screened again,
/// and nothing else.
fn slot_of(class: u32, value: &[u8]) -> Option<usize> {
    const SPREAD: u64 = 0x517c_c1b7_2722_0a95;
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(SPREAD);
    let (words, rest) = value.as_chunks::<8>();
    let start = u64::from(class) << 32 | value.len() as u64;
    let hash = words.iter().fold(start, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    // Of the last word some bytes were in the one before.
    let last = match value.last_chunk::<8>() {
        Some(word) => u64::from_le_bytes(*word),
        None => rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    let hash = (mix(hash, last) >> 32) as usize;
    match value.len() {
        bytes if bytes <= BYTES_MAX[0] => Some(hash % SLOTS[0]),
        bytes if bytes <= BYTES_MAX[1] => Some(SLOTS[0] + hash % SLOTS[1]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last() {
        let mut known = Known::default();
        assert_eq!(known.get(1, b"").map(|(_, rules)| rules.to_vec()), None);
        let place = known.keep(1, b"gzip, deflate", &[3, 5]).expect("is short");
        assert_eq!(known.get(1, b"gzip, deflate"), Some((place, [3, 5].as_slice())));
        assert_eq!((known.get(2, b"gzip, deflate"), known.get(1, b"gzip")), (None, None));
        known.rule_out(place, b"gzip, deflate", 3);
        assert_eq!(known.get(1, b"gzip, deflate"), Some((place, [5].as_slice())));
        known.rule_out(place, b"gzip", 5);
        assert_eq!(known.get(1, b"gzip, deflate"), Some((place, [5].as_slice())), "another value's");
        for bytes in BYTES_MAX {
            assert_eq!(known.get(1, &vec![b'a'; bytes]), None);
            assert!(
                known.keep(1, &vec![b'a'; bytes], &[]).is_some()
                    && known.get(1, &vec![b'a'; bytes]).is_some()
            );
        }
        assert_eq!(known.keep(1, &[b'a'; BYTES_MAX[1] + 1], &[]), None);
    }
}
