//! Persistent collections of rules, shared by all requests, and the file they are written to.
//!
//! Requests read and change them in memory; a thread of its own writes the file from time to time and at the
//! end. What is in it is counts of rules, not configuration: a file that cannot be read is said and begun anew.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use engine::config::Collections as Settings;
use signatures::collections::MemoryStore;

use crate::files;

/// Persistent collections of rules.
pub(crate) struct Collections {
    settings: Settings,
    store: Arc<MemoryStore>,
    writer: Mutex<Option<Writer>>,
}

/// The thread that writes the file; it ends when the sender is gone.
struct Writer {
    orders: SyncSender<Order>,
    thread: JoinHandle<()>,
}

/// What the thread is told besides the time.
enum Order {
    /// Write what changed, and say when that is done.
    Write(SyncSender<()>),
    /// Write nothing more: another process does.
    Leave,
}

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

    /// Writes the file now. It waits for the disk.
    pub(crate) fn save(&self) {
        let (done, is_done) = sync_channel(1);
        if self.order(Order::Write(done)) {
            let _ = is_done.recv();
        }
    }

    /// Writes nothing more: another process does.
    pub(crate) fn leave(&self) {
        self.order(Order::Leave);
        self.stop();
    }

    fn order(&self, order: Order) -> bool {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.as_ref().is_some_and(|writer| writer.orders.send(order).is_ok())
    }

    /// Writes the file a last time and ends the thread. It waits for the disk.
    pub(crate) fn stop(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Writer { orders, thread }) = writer {
            drop(orders);
            let _ = thread.join();
        }
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
        let (orders, received) = sync_channel(0);
        let thread = std::thread::Builder::new()
            .name("collections".into())
            .spawn(move || keep(&store, &path, &next, every, &received, written))?;
        Ok(Self { orders, thread })
    }
}

/// Writes whenever something changed, until the sender is gone.
fn keep(
    store: &MemoryStore,
    path: &Path,
    next: &Path,
    every: Duration,
    orders: &Receiver<Order>,
    mut written: u64,
) {
    let mut failing = false;
    loop {
        let order = orders.recv_timeout(every);
        if matches!(order, Ok(Order::Leave)) {
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
            Ok(Order::Write(done)) => drop(done.send(())),
            Err(RecvTimeoutError::Disconnected) => return,
            Ok(Order::Leave) | Err(RecvTimeoutError::Timeout) => {}
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

    #[test]
    fn a_file_that_cannot_be_written_is_told_at_the_start() {
        assert!(Collections::start(&settings(Path::new("/no/such/directory/file"))).is_err());
    }
}
