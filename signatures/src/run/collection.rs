//! Variables that rules make at run time: `TX`, `ENV`, `IP` and so on.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::name_pattern::NamePattern;

/// Values by name, compared without ASCII case; the spelling of the first assignment is kept.
///
/// They are listed by name, so that the same rules always see them in the same order. What many transactions begin
/// with is shared between them: each keeps what it changed.
#[derive(Clone, Debug, Default)]
pub(super) struct Collection {
    shared: Option<Arc<Shared>>,
    /// What was set here; `None` is what is shared and was removed here.
    own: Entries<Option<Entry>>,
    /// How many variables there are.
    count: usize,
    /// Bytes of all values.
    bytes: usize,
    /// How often something was set or removed.
    changes: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: Arc<[u8]>,
    pub(super) value: Arc<[u8]>,
}

/// By lower-case name. Names may be a client's: the hash begins differently in each collection.
type Entries<T> = HashMap<Arc<[u8]>, T, RandomState>;

/// What many begin with.
#[derive(Debug, Default)]
struct Shared {
    entries: Entries<Entry>,
    /// The keys that match patterns which rules ask for, by the pattern.
    matching: HashMap<Box<str>, Vec<Arc<[u8]>>>,
}

impl Collection {
    pub(super) fn get(&self, name: &[u8]) -> Option<&Entry> {
        with_lower_case(name, |lower| self.of_key(lower))
    }

    /// The variable of that name, given in lower case.
    pub(super) fn of_key(&self, lower: &[u8]) -> Option<&Entry> {
        match self.own.get(lower) {
            Some(entry) => entry.as_ref(),
            None => self.shared.as_ref()?.entries.get(lower),
        }
    }

    /// Sets a variable; a collection that is full keeps what it has. A rule could otherwise double a
    /// variable with each value that matches (`setvar:tx.a=%{tx.a}%{tx.a}`).
    pub(super) fn set(&mut self, name: &[u8], value: &[u8]) {
        with_lower_case(name, |lower| {
            let old = self.of_key(lower);
            let bytes = self.bytes - old.map_or(0, |entry| entry.value.len()) + value.len();
            if bytes > BYTES_MAX || (old.is_none() && self.count >= VARIABLES_MAX) {
                return;
            }
            let old_name = old.map(|entry| entry.name.clone());
            self.count += usize::from(old_name.is_none());
            self.bytes = bytes;
            self.changes = self.changes.wrapping_add(1);
            if let Some(Some(entry)) = self.own.get_mut(lower) {
                entry.value = value.into();
                return;
            }
            let key: Arc<[u8]> = lower.into();
            let name = old_name.unwrap_or_else(|| if lower == name { key.clone() } else { name.into() });
            self.own.insert(key, Some(Entry { name, value: value.into() }));
        });
    }

    /// Makes a variable what another collection has, or has not, under the same name.
    pub(super) fn put(&mut self, key: &Arc<[u8]>, entry: Option<&Entry>) {
        let Some(entry) = entry else { return self.remove(key) };
        let old = self.of_key(key);
        let bytes = self.bytes - old.map_or(0, |entry| entry.value.len()) + entry.value.len();
        let count = self.count + usize::from(old.is_none());
        if bytes <= BYTES_MAX && count <= VARIABLES_MAX {
            (self.bytes, self.count, self.changes) = (bytes, count, self.changes.wrapping_add(1));
            self.own.insert(key.clone(), Some(entry.clone()));
        }
    }

    pub(super) fn remove(&mut self, name: &[u8]) {
        with_lower_case(name, |lower| {
            let Some(bytes) = self.of_key(lower).map(|entry| entry.value.len()) else { return };
            self.bytes -= bytes;
            self.count -= 1;
            self.changes = self.changes.wrapping_add(1);
            if self.shared.as_ref().is_some_and(|shared| shared.entries.contains_key(lower)) {
                self.own.insert(lower.into(), None);
            } else {
                self.own.remove(lower);
            }
        });
    }

    /// All variables, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        let shared = self.shared.iter().flat_map(|shared| &shared.entries);
        self.listed(shared, |_| true)
    }

    /// The variables whose name matches, by name.
    pub(super) fn matching<'c>(&'c self, pattern: NamePattern<'c>) -> impl Iterator<Item = &'c Entry> {
        let shared = self.shared.as_deref();
        let noted = shared.and_then(|shared| Some((shared, shared.matching.get(pattern.as_str())?)));
        let of_noted = noted
            .into_iter()
            .flat_map(|(shared, keys)| keys.iter().filter_map(|key| shared.entries.get_key_value(key)));
        let of_others = shared.filter(|_| noted.is_none()).into_iter().flat_map(|shared| &shared.entries);
        let shared = of_noted.chain(of_others.filter(move |(key, _)| pattern.matches(key)));
        self.listed(shared, move |key| pattern.matches(key))
    }

    /// What is shared and was not changed, and what of the own is `wanted`.
    fn listed<'c>(
        &'c self,
        shared: impl Iterator<Item = (&'c Arc<[u8]>, &'c Entry)>,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> impl Iterator<Item = &'c Entry> {
        let shared = shared.filter(|(key, _)| !self.own.contains_key(*key));
        let own = self.own.iter().filter(|(key, _)| wanted(key));
        let own = own.filter_map(|(key, entry)| Some((key, entry.as_ref()?)));
        let mut all: Vec<_> = shared.chain(own).collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all.into_iter().map(|(_, entry)| entry)
    }

    /// The same, its variables shared by all that are cloned from it.
    pub(super) fn into_shared(self) -> Self {
        self.into_shared_for([])
    }

    /// The same, for rules that ask for names which match these patterns.
    pub(super) fn into_shared_for<'p>(self, patterns: impl IntoIterator<Item = NamePattern<'p>>) -> Self {
        let entries: Entries<Entry> =
            self.iter().map(|entry| (entry.name.to_ascii_lowercase().into(), entry.clone())).collect();
        let matching = |pattern: NamePattern<'p>| {
            let keys = entries.keys().filter(|key| pattern.matches(key)).cloned().collect();
            (pattern.as_str().into(), keys)
        };
        let matching = patterns.into_iter().map(matching).collect();
        Self { shared: Some(Arc::new(Shared { entries, matching })), own: Entries::default(), ..self }
    }

    /// Differs from what it was before, when something was set or removed since.
    pub(super) fn changes(&self) -> u32 {
        self.changes
    }

    pub(super) fn clear(&mut self) {
        let mut own = std::mem::take(&mut self.own);
        own.clear();
        *self = Self { own, changes: self.changes.wrapping_add(1), ..Self::default() };
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

    #[test]
    fn what_is_shared_is_changed_by_nobody() {
        let mut first = Collection::default();
        [b"a", b"B", b"c"].iter().for_each(|name| first.set(*name, b"1"));
        let shared = first.into_shared();
        let mut tx = shared.clone();
        tx.set(b"b", b"22");
        tx.remove(b"A");
        tx.remove(b"a");
        tx.set(b"d", b"4");
        let all = |tx: &Collection| -> Vec<_> {
            tx.iter().map(|it| [&*it.name, b"=", &*it.value].concat()).collect()
        };
        assert_eq!(all(&tx), [b"B=22".as_slice(), b"c=1", b"d=4"]);
        assert_eq!((tx.count, tx.bytes), (3, 4));
        tx.set(b"a", b"5");
        assert_eq!(all(&tx), [b"a=5".as_slice(), b"B=22", b"c=1", b"d=4"]);
        assert_eq!(all(&tx.into_shared()), [b"a=5".as_slice(), b"B=22", b"c=1", b"d=4"]);
        assert_eq!(all(&shared), [b"a=1".as_slice(), b"B=1", b"c=1"]);
    }
}
