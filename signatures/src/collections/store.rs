//! Records in memory, bounded.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{CollectionKey, CollectionStore, Record, Update, image};

/// How much a store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Records (count).
    pub entries_max: usize,
    /// Keys, names and values, with what it takes to find them (bytes).
    pub bytes_max: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self { entries_max: 100_000, bytes_max: 64 << 20 }
    }
}

/// Records in memory, shared by all transactions of a process.
///
/// Keys are spread over shards, each with a lock of its own: transactions of different clients rarely meet, and
/// a lock is held only to copy a reference or to apply a few updates, never while rules run. A map without
/// locks would do no better: two transactions that count the same client have to agree on an order anyway.
///
/// A shard that is full forgets the record that was changed longest ago, and that is counted.
#[derive(Debug)]
pub struct MemoryStore {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    /// What each shard may hold.
    limits: StoreLimits,
    evicted: AtomicU64,
    commits: AtomicU64,
}

#[derive(Debug, Default)]
struct Shard {
    slots: HashMap<Arc<CollectionKey>, Slot>,
    /// Keys by when they were changed last, the oldest first.
    ages: BTreeMap<u64, Arc<CollectionKey>>,
    bytes: usize,
    /// Commits so far.
    clock: u64,
}

#[derive(Debug)]
struct Slot {
    record: Arc<Record>,
    age: u64,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(StoreLimits::default())
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(limits: StoreLimits) -> Self {
        Self::with_shards(limits, SHARDS)
    }

    fn with_shards(limits: StoreLimits, shards: usize) -> Self {
        let share = |total: usize| total.div_ceil(shards).max(1);
        Self {
            shards: std::iter::repeat_with(Mutex::default).take(shards).collect(),
            hasher: RandomState::new(),
            limits: StoreLimits {
                entries_max: share(limits.entries_max),
                bytes_max: share(limits.bytes_max),
            },
            evicted: AtomicU64::new(0),
            commits: AtomicU64::new(0),
        }
    }

    /// A store with what [`MemoryStore::to_bytes`] wrote. What has expired at `now_us` is left out.
    ///
    /// # Errors
    /// Why the bytes are not those of a store.
    pub fn from_bytes(bytes: &[u8], limits: StoreLimits, now_us: i64) -> Result<Self, &'static str> {
        let store = Self::new(limits);
        for (key, record) in image::read(bytes)? {
            if !record.has_expired(now_us) {
                store.shard(&key).put(Arc::new(key), Arc::new(record));
            }
        }
        store.shards.iter().for_each(|shard| store.make_room(&mut lock(shard)));
        Ok(store)
    }

    /// Everything in it that has not expired at `now_us`, for a file. Each shard is locked only while references
    /// are copied.
    #[must_use]
    pub fn to_bytes(&self, now_us: i64) -> Vec<u8> {
        let mut records = Vec::new();
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.forget_expired(now_us);
            records
                .extend(shard.slots.iter().map(|(key, slot)| (key.clone(), slot.age, slot.record.clone())));
        }
        // The oldest first, so that reading them again finds the same ages.
        records.sort_by(|left, right| (left.1, &left.0).cmp(&(right.1, &right.0)));
        image::write(records.iter().map(|(key, _, record)| (&**key, &**record)))
    }

    /// Records in it (count).
    #[must_use]
    pub fn entries(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).slots.len()).sum()
    }

    /// Bytes in it, as [`StoreLimits::bytes_max`] counts them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).bytes).sum()
    }

    /// Records that were forgotten before their time because there was no room (count).
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Transactions that changed a record (count).
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    fn shard(&self, key: &CollectionKey) -> MutexGuard<'_, Shard> {
        // The remainder is in range; there is always a shard.
        lock(&self.shards[self.hasher.hash_one(key) as usize % self.shards.len()])
    }

    fn make_room(&self, shard: &mut Shard) {
        while shard.slots.len() > self.limits.entries_max || shard.bytes > self.limits.bytes_max {
            let Some(oldest) = shard.ages.values().next().cloned() else { return };
            shard.remove(&oldest);
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl CollectionStore for MemoryStore {
    fn load(&self, key: &CollectionKey, now_us: i64) -> Option<Arc<Record>> {
        let mut record = self.shard(key).slots.get(key)?.record.clone();
        if record.has_expired(now_us) {
            return None;
        }
        if record.has_stale(now_us) {
            Arc::make_mut(&mut record).forget_stale(now_us);
        }
        Some(record)
    }

    fn commit(&self, key: &CollectionKey, updates: &[Update], now_us: i64, timeout_s: u32) {
        let mut shard = self.shard(key);
        let found = shard.remove(key).filter(|(_, record)| !record.has_expired(now_us));
        let (key, mut record) =
            found.unwrap_or_else(|| (Arc::new(key.clone()), Arc::new(Record::new(now_us, timeout_s))));
        let changed = Arc::make_mut(&mut record);
        changed.forget_stale(now_us);
        updates.iter().for_each(|update| changed.apply(update, now_us));
        changed.touch(now_us);
        shard.put(key, record);
        self.make_room(&mut shard);
        self.commits.fetch_add(1, Ordering::Relaxed);
    }
}

impl Shard {
    fn put(&mut self, key: Arc<CollectionKey>, record: Arc<Record>) {
        self.clock += 1;
        self.bytes += weight(&key, &record);
        self.ages.insert(self.clock, key.clone());
        self.slots.insert(key, Slot { record, age: self.clock });
    }

    fn remove(&mut self, key: &CollectionKey) -> Option<(Arc<CollectionKey>, Arc<Record>)> {
        let (key, slot) = self.slots.remove_entry(key)?;
        self.ages.remove(&slot.age);
        self.bytes -= weight(&key, &slot.record);
        Some((key, slot.record))
    }

    fn forget_expired(&mut self, now_us: i64) {
        let expired: Vec<_> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.record.has_expired(now_us))
            .map(|(key, _)| key.clone())
            .collect();
        expired.iter().for_each(|key| {
            self.remove(key);
        });
    }
}

/// A panic while a shard is locked can only come from memory running out between two steps; what is there is
/// still good.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that a record takes, about.
fn weight(key: &CollectionKey, record: &Record) -> usize {
    RECORD_BYTES + key.bytes() + record.bytes + record.variables.len() * VARIABLE_BYTES
}

/// What it takes to find a record (bytes).
const RECORD_BYTES: usize = 256;
/// What it takes to find a variable (bytes).
const VARIABLE_BYTES: usize = 128;
/// Locks; more than there are threads, so that they rarely meet (count).
const SHARDS: usize = 64;

#[cfg(test)]
mod tests {
    use super::super::{PersistentCollection, UpdateKind};
    use super::*;

    fn key(key: &str) -> CollectionKey {
        CollectionKey::new(PersistentCollection::Ip, None, key.as_bytes())
    }

    fn add(name: &str, amount: i64) -> Update {
        Update { name: name.as_bytes().into(), kind: UpdateKind::Add(amount) }
    }

    fn value(store: &MemoryStore, of: &str, name: &str, now_us: i64) -> Option<String> {
        let record = store.load(&key(of), now_us)?;
        record.get(name.as_bytes()).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    #[test]
    fn concurrent_additions_are_all_kept() {
        let store = MemoryStore::default();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        // Everybody reads, nobody waits for the others, nothing is lost.
                        let _ = store.load(&key("a"), 0);
                        store.commit(&key("a"), &[add("n", 1)], 0, 60);
                    }
                });
            }
        });
        assert_eq!(value(&store, "a", "n", 0).as_deref(), Some("4000"));
        assert_eq!((store.commits(), store.entries()), (4000, 1));
    }

    #[test]
    fn forgets_what_was_changed_longest_ago_and_counts_it() {
        let store = MemoryStore::with_shards(StoreLimits { entries_max: 2, bytes_max: 1 << 20 }, 1);
        for name in ["a", "b", "a", "c"] {
            store.commit(&key(name), &[add("n", 1)], 0, 60);
        }
        let left = ["a", "b", "c"].map(|name| value(&store, name, "n", 0));
        assert_eq!(left, [Some("2".to_owned()), None, Some("1".to_owned())]);
        assert_eq!(store.evicted(), 1);
        let small = MemoryStore::with_shards(StoreLimits { entries_max: 9, bytes_max: 900 }, 1);
        for name in ["a", "b", "c"] {
            small.commit(&key(name), &[add("n", 1)], 0, 60);
        }
        assert_eq!((small.entries(), small.evicted()), (2, 1));
        assert!(small.bytes() <= 900);
    }

    #[test]
    fn time_passes() {
        let second = 1_000_000;
        let store = MemoryStore::default();
        let expire = Update { name: b"x".as_slice().into(), kind: UpdateKind::Expire(10 * second) };
        store.commit(&key("a"), &[add("x", 1), add("y", 1), expire], 0, 60);
        for (at_s, x, y) in [(9, Some("1"), Some("1")), (10, None, Some("1")), (60, None, None)] {
            assert_eq!(value(&store, "a", "x", at_s * second).as_deref(), x, "{at_s}");
            assert_eq!(value(&store, "a", "y", at_s * second).as_deref(), y, "{at_s}");
        }
        store.commit(&key("a"), &[add("y", 1)], 60 * second, 60);
        assert_eq!(value(&store, "a", "y", 60 * second).as_deref(), Some("1"), "it began anew");
    }

    #[test]
    fn is_written_and_read_again() {
        let store = MemoryStore::default();
        for (name, timeout_s) in [("a", 60), ("b", 60), ("gone", 5)] {
            store.commit(&key(name), &[add("n", 3)], 0, timeout_s);
        }
        let bytes = store.to_bytes(0);
        let read = MemoryStore::from_bytes(&bytes, StoreLimits::default(), 6_000_000).expect("as written");
        assert_eq!((read.entries(), value(&read, "a", "n", 6_000_000).as_deref()), (2, Some("3")));
        assert_eq!(read.to_bytes(0), store.to_bytes(6_000_000), "the same records are the same bytes");
        for end in 0..bytes.len() {
            let cut = MemoryStore::from_bytes(&bytes[..end], StoreLimits::default(), 0);
            assert!(cut.is_err(), "{end} bytes of {}", bytes.len());
        }
    }
}
