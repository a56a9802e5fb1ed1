//! Values that were ordinary a moment ago.
//!
//! The same User-Agent, referring page and cookies come with request after request. What was said of such a value
//! depends on its bytes alone, so it need not be said again. Whole values are compared, not hashes of them: a
//! value that shares a hash with an ordinary one is not ordinary for that.

/// Values that are kept (count).
const SLOTS: usize = 512;
/// The longest value that is kept (bytes).
const BYTES_MAX: usize = 512;
/// The shortest for which looking it up is cheaper than looking at it (bytes).
const BYTES_MIN: usize = 16;

/// Ordinary values with their scores. Each has one place, by its hash; the last to come has it.
#[derive(Debug)]
pub(crate) struct Known {
    slots: Vec<Slot>,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    bytes: Vec<u8>,
    is_encoded: bool,
    /// The highest log-odds of its views; `-inf` when it has none.
    log_odds: f32,
}

impl Default for Known {
    fn default() -> Self {
        Self { slots: vec![Slot::default(); SLOTS] }
    }
}

impl Known {
    /// The log-odds of a value, if it was ordinary and is still kept.
    pub(crate) fn get(&self, value: &[u8], is_encoded: bool) -> Option<f32> {
        if !(BYTES_MIN..=BYTES_MAX).contains(&value.len()) {
            return None;
        }
        let slot = &self.slots[place(value)];
        (slot.is_encoded == is_encoded && slot.bytes == value).then_some(slot.log_odds)
    }

    /// Keeps a value that is ordinary.
    pub(crate) fn keep(&mut self, value: &[u8], is_encoded: bool, log_odds: f32) {
        if (BYTES_MIN..=BYTES_MAX).contains(&value.len()) {
            let slot = &mut self.slots[place(value)];
            slot.bytes.clear();
            slot.bytes.extend_from_slice(value);
            (slot.is_encoded, slot.log_odds) = (is_encoded, log_odds);
        }
    }
}

/// The place of a value. Who sends values that share one makes them be looked at again, and nothing else.
fn place(value: &[u8]) -> usize {
    let mut hash = value.len() as u64;
    for word in value.chunks(8) {
        let mut bytes = [0; 8];
        bytes[..word.len()].copy_from_slice(word);
        hash = (hash.rotate_left(5) ^ u64::from_le_bytes(bytes)).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    (hash >> 32) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last() {
        let mut known = Known::default();
        let value = b"Mozilla/5.0 (X11; Linux x86_64)";
        assert_eq!(known.get(value, true), None);
        known.keep(value, true, -12.0);
        assert_eq!(known.get(value, true), Some(-12.0));
        assert_eq!(known.get(value, false), None);
        assert_eq!(known.get(b"Mozilla/5.0 (X11; Linux x86_65)", true), None);
        known.keep(b"short", true, -12.0);
        assert_eq!(known.get(b"short", true), None);
    }
}
