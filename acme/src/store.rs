//! The directory everything is kept in. Replicas may share it: whoever holds its lock orders, the others read.
//!
//! ```text
//! lock                        held by the replica that orders
//! accounts/AUTHORITY-xxxxxxxx.json      the account, with its key
//! certificates/NAME-xxxxxxxx.pem        key and chain, in one file so that they always fit
//! certificates/NAME-xxxxxxxx.json       what was tried, what is under way, when it goes on
//! challenges.json             what every replica answers to authorities
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A directory of accounts and certificates.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

/// The right to order, for as long as it is kept. The system ends it when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// What is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Account,
    /// Key and chain.
    Certificate,
    /// What was tried, what is under way.
    Progress,
    /// What is answered to authorities; there is one.
    Challenges,
}

impl Store {
    /// Makes the directory, for this user alone, unless it is there.
    ///
    /// # Errors
    /// What keeps it from being made.
    pub fn open(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let store = Self { directory: directory.into() };
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        for part in ["accounts", "certificates"] {
            builder.create(store.directory.join(part))?;
        }
        Ok(store)
    }

    /// Takes the lock, unless another replica has it: then `None`.
    ///
    /// # Errors
    /// A file system that has no locks, or no such file.
    pub fn try_lock(&self) -> io::Result<Option<Lock>> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = options.open(self.directory.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Reads a file; `None` when it is not there.
    pub(crate) fn read(&self, kind: Kind, id: &str) -> io::Result<Option<String>> {
        match fs::read_to_string(self.path(kind, id)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a JSON file. What cannot be read is as good as absent, and said.
    pub(crate) fn read_json<T: DeserializeOwned>(&self, kind: Kind, id: &str) -> Option<T> {
        let text = self.read(kind, id);
        let value = text.and_then(|text| text.map(|text| Ok(serde_json::from_str(&text)?)).transpose());
        value.unwrap_or_else(|error| {
            let path = self.path(kind, id);
            tracing::error!(path = %path.display(), %error, "cannot be read: taken as absent");
            None
        })
    }

    /// Replaces a file whole, or not at all, for this user alone: even after a power failure it is the old one or the new one.
    pub(crate) fn write(&self, kind: Kind, id: &str, text: &str) -> io::Result<()> {
        let path = self.path(kind, id);
        // Only the lock's holder writes; what a crash left under this name is of no use to anybody.
        let mut temporary = path.clone().into_os_string();
        temporary.push(".new");
        let temporary = PathBuf::from(temporary);
        if let Err(error) = fs::remove_file(&temporary)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        sync_directory(path.parent().unwrap_or(&self.directory))
    }

    pub(crate) fn write_json(&self, kind: Kind, id: &str, value: &impl Serialize) -> io::Result<()> {
        self.write(kind, id, &serde_json::to_string_pretty(value)?)
    }

    pub(crate) fn remove(&self, kind: Kind, id: &str) -> io::Result<()> {
        match fs::remove_file(self.path(kind, id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn path(&self, kind: Kind, id: &str) -> PathBuf {
        match kind {
            Kind::Account => self.directory.join("accounts").join(format!("{id}.json")),
            Kind::Certificate => self.directory.join("certificates").join(format!("{id}.pem")),
            Kind::Progress => self.directory.join("certificates").join(format!("{id}.json")),
            Kind::Challenges => self.directory.join("challenges.json"),
        }
    }
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    #[test]
    fn files_are_replaced_whole_and_private() {
        let directory = tempfile::tempdir().expect("directory");
        let store = Store::open(directory.path().join("acme")).expect("store");
        assert_eq!(store.read(Kind::Certificate, "a").expect("read"), None);
        for text in ["first", "second"] {
            store.write(Kind::Certificate, "a", text).expect("write");
            assert_eq!(store.read(Kind::Certificate, "a").expect("read").as_deref(), Some(text));
        }
        assert_eq!(mode(&store.path(Kind::Certificate, "a")), 0o600);
        assert_eq!(mode(&directory.path().join("acme")), 0o700);
        // What a crash left behind is in nobody's way.
        fs::write(directory.path().join("acme/certificates/a.pem.new"), "half").expect("write");
        store.write(Kind::Certificate, "a", "third").expect("write");
        assert_eq!(store.read(Kind::Certificate, "a").expect("read").as_deref(), Some("third"));
        assert!(!directory.path().join("acme/certificates/a.pem.new").exists());
        store.remove(Kind::Certificate, "a").expect("remove");
        store.remove(Kind::Certificate, "a").expect("remove again");
    }

    #[test]
    fn what_cannot_be_read_is_as_good_as_absent() {
        let directory = tempfile::tempdir().expect("directory");
        let store = Store::open(directory.path()).expect("store");
        store.write(Kind::Progress, "a", "{").expect("write");
        assert_eq!(store.read_json::<Vec<u8>>(Kind::Progress, "a"), None);
    }

    #[test]
    fn one_replica_holds_the_lock() {
        let directory = tempfile::tempdir().expect("directory");
        let (one, two) = (Store::open(directory.path()), Store::open(directory.path()));
        let (one, two) = (one.expect("store"), two.expect("store"));
        let held = one.try_lock().expect("lock").expect("free");
        assert!(two.try_lock().expect("lock").is_none());
        drop(held);
        assert!(two.try_lock().expect("lock").is_some());
    }
}
