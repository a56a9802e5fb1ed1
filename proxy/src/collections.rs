//! Persistent collections of rules, shared by all requests, and the file they are written to.
//!
//! Requests read and change them in memory; a thread of its own writes the file from time to time and at the
//! end. What is in it is counts of rules, not configuration: a file that cannot be read is said and begun anew.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::config::Collections as Settings;
use signatures::collections::MemoryStore;

use crate::files;
use crate::orders::{self, ANSWER_MAX};

/// Persistent collections of rules.
pub(crate) struct Collections {
    settings: Settings,
    store: Arc<MemoryStore>,
    writer: Mutex<Option<Writer>>,
}

/// The thread that writes the file; it ends when the sender is gone.
struct Writer {
    orders: SyncSender<Write>,
    /// Whether it writes nothing more: another process does.
    leaves: Arc<AtomicBool>,
    /// Disconnected once the thread has ended.
    ended: Receiver<()>,
}

/// What the thread is told besides the time: to write what changed, and to say when that is done.
struct Write(SyncSender<()>);

impl Collections {
    /// Reads what was written before, and starts the thread if there is a file.
    pub(crate) fn start(settings: &Settings) -> io::Result<Self> {
        let store = Arc::new(
            settings
                .file
                .as_deref()
                .map_or_else(|| MemoryStore::new(settings.limits), |file| read(Path::new(file), settings)),
        );
        let writer = match &settings.file {
            Some(file) => Some(Writer::start(Path::new(file), settings.every, Arc::clone(&store))?),
            None => None,
        };
        Ok(Self { settings: settings.clone(), store, writer: Mutex::new(writer) })
    }

    /// What it was started with.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The collections.
    pub(crate) fn store(&self) -> &Arc<MemoryStore> {
        &self.store
    }

    /// Writes the file now. It waits for the disk, [`ANSWER_MAX`] at most.
    pub(crate) fn save(&self) {
        self.save_within(ANSWER_MAX);
    }

    /// Writes nothing more: another process does.
    pub(crate) fn leave(&self) {
        if let Some(writer) = self.take_writer() {
            writer.leaves.store(true, Ordering::Relaxed);
            writer.end(ANSWER_MAX);
        }
    }

    /// Writes the file a last time and ends the thread. It waits for the disk, [`ANSWER_MAX`] at most.
    pub(crate) fn stop(&self) {
        if let Some(writer) = self.take_writer() {
            writer.end(ANSWER_MAX);
        }
    }

    fn save_within(&self, limit: Duration) {
        // Nobody else waits meanwhile for what is locked here.
        let orders = {
            let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.as_ref().map(|writer| writer.orders.clone())
        };
        if orders.is_some_and(|orders| !orders::order(&orders, limit, Write)) {
            say_stuck(limit);
        }
    }

    fn take_writer(&self) -> Option<Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Writer {
    fn start(path: &Path, every: Duration, store: Arc<MemoryStore>) -> io::Result<Self> {
        // A link stays a link.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let mut next = path.clone().into_os_string();
        next.push(".next");
        let next = PathBuf::from(next);
        // Told now, before anything is counted in vain.
        fs::File::create(&next)?;
        fs::remove_file(&next)?;
        // Known before anybody can change anything.
        let written = store.commits();
        let (orders, received) = sync_channel(1);
        let (ends, ended) = sync_channel(0);
        let leaves = Arc::new(AtomicBool::new(false));
        let left = Arc::clone(&leaves);
        std::thread::Builder::new().name("collections".into()).spawn(move || {
            keep(&store, &path, &next, every, &received, &left, written);
            drop(ends);
        })?;
        Ok(Self { orders, leaves, ended })
    }

    /// Has the thread end, and waits for that, `limit` at most.
    fn end(self, limit: Duration) {
        drop(self.orders);
        if self.ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            say_stuck(limit);
        }
    }
}

/// Writes whenever something changed, until the sender is gone.
fn keep(
    store: &MemoryStore,
    path: &Path,
    next: &Path,
    every: Duration,
    orders: &Receiver<Write>,
    leaves: &AtomicBool,
    mut written: u64,
) {
    let mut failing = false;
    loop {
        let order = orders.recv_timeout(every);
        if leaves.load(Ordering::Relaxed) {
            return;
        }
        let commits = store.commits();
        if commits != written {
            match files::replace(path, next, &store.to_bytes(now_us())) {
                Ok(()) => (written, failing) = (commits, false),
                // Said once, until it works again.
                Err(error) if !failing => {
                    tracing::error!(%error, file = %path.display(), "cannot write persistent collections");
                    failing = true;
                }
                Err(_) => {}
            }
        }
        match order {
            Ok(Write(done)) => drop(done.send(())),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn read(path: &Path, settings: &Settings) -> MemoryStore {
    let begun_anew = |why: String| {
        tracing::warn!(file = %path.display(), why, "persistent collections begin anew");
        MemoryStore::new(settings.limits)
    };
    let length = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return MemoryStore::new(settings.limits),
        Err(error) => return begun_anew(error.to_string()),
    };
    if length > FILE_BYTES_MAX {
        return begun_anew(format!("the file has {length} bytes; at most {FILE_BYTES_MAX} are read"));
    }
    match fs::read(path) {
        Ok(bytes) => MemoryStore::from_bytes(&bytes, settings.limits, now_us())
            .unwrap_or_else(|why| begun_anew(why.into())),
        Err(error) => begun_anew(error.to_string()),
    }
}

fn say_stuck(limit: Duration) {
    tracing::warn!(seconds = limit.as_secs(), "what writes persistent collections does not answer");
}

fn now_us() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// The largest file that is read (bytes).
const FILE_BYTES_MAX: u64 = 4 << 30;

#[cfg(test)]
mod tests {
    use signatures::collections::{
        CollectionKey, CollectionStore, PersistentCollection, StoreLimits, Update, UpdateKind,
    };

    use super::*;

    fn settings(file: &Path) -> Settings {
        Settings {
            file: Some(file.to_str().expect("a path of letters").to_owned()),
            every: Duration::from_secs(3600),
            limits: StoreLimits::default(),
        }
    }

    #[test]
    fn outlive_the_process() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("collections");
        let key = CollectionKey::new(PersistentCollection::Ip, None, b"192.0.2.1");
        for expected in [b"1", b"2", b"3"] {
            let collections = Collections::start(&settings(&file)).expect("a writable directory");
            let update = Update { name: b"n".as_slice().into(), kind: UpdateKind::Add(1) };
            collections.store().commit(&key, &[update], now_us(), 3600);
            let record = collections.store().load(&key, now_us()).expect("just written");
            assert_eq!(record.get(b"n").map(|value| &**value), Some(expected.as_slice()));
            collections.save();
            assert!(fs::metadata(&file).is_ok(), "written when it is asked for");
            collections.stop();
        }
        fs::write(&file, "anything else").expect("a writable file");
        let anew = Collections::start(&settings(&file)).expect("a broken file keeps nothing from starting");
        assert_eq!(anew.store().entries(), 0);
        anew.stop();
        assert_eq!(
            fs::read(&file).expect("still there"),
            b"anything else",
            "nothing changed, nothing written"
        );
    }

    /// Its disk is stuck: whoever saves, leaves or stops does not wait for it longer than is said.
    #[test]
    fn nobody_waits_for_a_disk_that_is_stuck() {
        for leaves in [false, true] {
            let directory = tempfile::tempdir().expect("a directory");
            let (file, next) =
                (directory.path().join("collections"), directory.path().join("collections.next"));
            let collections = Collections::start(&settings(&file)).expect("a writable directory");
            let update = Update { name: b"n".as_slice().into(), kind: UpdateKind::Add(1) };
            let key = CollectionKey::new(PersistentCollection::Ip, None, b"192.0.2.1");
            collections.store().commit(&key, &[update], now_us(), 3600);
            // Opened for writing, it waits until somebody reads.
            let made = std::process::Command::new("mkfifo").arg(&next).status();
            assert!(made.expect("mkfifo runs").success());
            // One waits for the disk, one for the first, and one for room.
            for _ in 0..3 {
                collections.save_within(Duration::from_millis(50));
            }
            let writer = collections.take_writer().expect("still there");
            writer.leaves.store(leaves, Ordering::Relaxed);
            let Writer { orders, ended, .. } = writer;
            drop(orders);
            assert_eq!(ended.recv_timeout(Duration::from_millis(50)), Err(RecvTimeoutError::Timeout));
            // It gets on: a FIFO cannot be synchronised, so that this fails, and what is tried next does not.
            let aside = directory.path().join("aside");
            fs::rename(&next, &aside).expect("there");
            let read = fs::OpenOptions::new().read(true).write(true).open(&aside).expect("a FIFO");
            assert_eq!(ended.recv_timeout(ANSWER_MAX), Err(RecvTimeoutError::Disconnected), "it ends");
            drop(read);
            assert_eq!(file.exists(), !leaves, "who leaves writes nothing more");
        }
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_at_the_start() {
        assert!(Collections::start(&settings(Path::new("/no/such/directory/file"))).is_err());
    }
}
