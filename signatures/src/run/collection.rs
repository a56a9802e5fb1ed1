//! Variables that rules make at run time: `TX`, `ENV`, `IP` and so on.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Values by name, compared without ASCII case; the spelling of the first assignment is kept.
///
/// Ordered by name, so that the same rules always see them in the same order.
#[derive(Clone, Debug, Default)]
pub(super) struct Collection {
    entries: BTreeMap<Arc<[u8]>, Entry>,
    /// Bytes of all values.
    bytes: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: Arc<[u8]>,
    pub(super) value: Arc<[u8]>,
}

impl Collection {
    pub(super) fn get(&self, name: &[u8]) -> Option<&Entry> {
        with_lower_case(name, |lower| self.entries.get(lower))
    }

    /// Sets a variable; a collection that is full keeps what it has. A rule could otherwise double a
    /// variable with each value that matches (`setvar:tx.a=%{tx.a}%{tx.a}`).
    pub(super) fn set(&mut self, name: &[u8], value: &[u8]) {
        let is_full = self.entries.len() >= VARIABLES_MAX;
        let old = with_lower_case(name, |lower| self.entries.get_mut(lower));
        let bytes = self.bytes - old.as_ref().map_or(0, |entry| entry.value.len()) + value.len();
        if bytes > BYTES_MAX {
            return;
        }
        match old {
            Some(entry) => entry.value = value.into(),
            None if is_full => return,
            None => {
                let lower = name.to_ascii_lowercase().into();
                self.entries.insert(lower, Entry { name: name.into(), value: value.into() });
            }
        }
        self.bytes = bytes;
    }

    pub(super) fn remove(&mut self, name: &[u8]) {
        if let Some(entry) = self.entries.remove(name.to_ascii_lowercase().as_slice()) {
            self.bytes -= entry.value.len();
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }
}

/// Calls `then` with the lower-case name, without allocation for names of ordinary length.
fn with_lower_case<R>(name: &[u8], then: impl FnOnce(&[u8]) -> R) -> R {
    let mut short = [0_u8; 64];
    match short.get_mut(..name.len()) {
        Some(lower) => {
            lower.copy_from_slice(name);
            lower.make_ascii_lowercase();
            then(lower)
        }
        None => then(&name.to_ascii_lowercase()),
    }
}

/// Variables in one collection (count): names may be made of what the client sent.
const VARIABLES_MAX: usize = 4_096;

/// Bytes of the values of one collection (bytes).
const BYTES_MAX: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignores_case_and_keeps_the_first_spelling() {
        let mut tx = Collection::default();
        tx.set(b"Header_X", b"1");
        tx.set(b"header_x", b"2");
        let entry = tx.get(b"HEADER_X").expect("set above");
        assert_eq!((&*entry.name, &*entry.value), (b"Header_X".as_slice(), b"2".as_slice()));
        tx.remove(b"header_X");
        assert!(tx.get(b"header_x").is_none());
    }

    #[test]
    fn long_names_work_and_growth_is_bounded() {
        let mut tx = Collection::default();
        tx.set(&[b'A'; 200], b"x");
        assert!(tx.get(&[b'a'; 200]).is_some());
        for index in 0..VARIABLES_MAX + 10 {
            tx.set(index.to_string().as_bytes(), b"x");
        }
        assert_eq!(tx.iter().count(), VARIABLES_MAX);
        tx.set(b"1", &vec![b'x'; BYTES_MAX]);
        assert_eq!(tx.get(b"1").map(|entry| entry.value.len()), Some(1), "too long: kept as it was");
        tx.clear();
        tx.set(b"1", &vec![b'x'; BYTES_MAX]);
        tx.remove(b"1");
        tx.set(b"2", b"x");
        assert_eq!(tx.bytes, 1);
    }
}
