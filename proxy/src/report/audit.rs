//! The files of audit records, as `SecAuditLog` and `SecAuditLogStorageDir` name them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::{AuditFile, AuditRecord};

/// The files that audit records go to, each opened with its first record.
pub(super) struct Audits {
    files: BTreeMap<Box<str>, BufWriter<File>>,
    /// Records that could not be written (count).
    lost: Arc<AtomicU64>,
    /// Said once, until a record can be written again.
    failing: bool,
}

impl Audits {
    /// No files yet; what is lost is counted there.
    pub(super) fn new(lost: Arc<AtomicU64>) -> Self {
        Self { files: BTreeMap::new(), lost, failing: false }
    }

    /// Writes a record. What cannot be written is said, counted, and lost.
    pub(super) fn write(&mut self, record: &AuditRecord) {
        match self.put(record) {
            Ok(()) => self.failing = false,
            Err((error, file)) => self.fail(&error, &file),
        }
    }

    fn fail(&mut self, error: &io::Error, file: &str) {
        if !self.failing {
            tracing::error!(%error, %file, "cannot write audit records");
        }
        self.failing = true;
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes the file of a record, and its line; says which file could not be written.
    fn put(&mut self, record: &AuditRecord) -> Result<(), (io::Error, String)> {
        let text = match &record.file {
            None => Cow::Borrowed(record.text.as_str()),
            Some(file) => {
                let path = store(file, record)
                    .map_err(|error| (error, format!("{}/{}", file.storage, file.path)))?;
                Cow::Owned(file.index(&path, &record.text))
            }
        };
        let Some(log) = &record.log else { return Ok(()) };
        self.append(log, record.file_mode, text.as_bytes()).map_err(|error| {
            // A file that broke is opened anew with the next record.
            self.files.remove(log);
            (error, log.to_string())
        })
    }

    fn append(&mut self, log: &str, mode: Option<u32>, text: &[u8]) -> io::Result<()> {
        if !self.files.contains_key(log) {
            let file =
                OpenOptions::new().create(true).append(true).mode(mode.unwrap_or(LOG_MODE)).open(log)?;
            self.files.insert(log.into(), BufWriter::new(file));
        }
        match self.files.get_mut(log) {
            Some(file) => file.write_all(text),
            None => Ok(()),
        }
    }

    pub(super) fn flush(&mut self) {
        let mut broken = Vec::new();
        for (log, file) in &mut self.files {
            if let Err(error) = file.flush() {
                broken.push((log.clone(), error));
            }
        }
        for (log, error) in broken {
            self.files.remove(&log);
            self.fail(&error, &log);
        }
    }

    /// Closes all files: they were rotated, or their policy is gone.
    pub(super) fn close(&mut self) {
        self.flush();
        self.files.clear();
    }
}

/// Writes a record to a file of its own; says where, below the directory of all.
fn store(file: &AuditFile, record: &AuditRecord) -> io::Result<String> {
    let storage = Path::new(&*file.storage);
    for directory in &file.directories {
        make(&storage.join(directory), file.directory_mode)?;
    }
    let (path, mut opened) = create(storage, &file.path, record.file_mode)?;
    let written = opened.write_all(record.text.as_bytes());
    if written.is_err() {
        // Half a record is none.
        let _ = std::fs::remove_file(storage.join(&path));
    }
    written.map(|()| path)
}

/// Makes a directory, unless it is there. The directory of all is the operator's to make.
fn make(directory: &Path, mode: Option<u32>) -> io::Result<()> {
    match DirBuilder::new().mode(mode.unwrap_or(DIRECTORY_MODE)).create(directory) {
        Ok(()) => mode.map_or(Ok(()), |mode| permit(directory, mode)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// A new file. Clients may choose identifiers, so that there may be one of that name: a number tells them apart.
fn create(storage: &Path, path: &str, mode: Option<u32>) -> io::Result<(String, File)> {
    let numbered = (2..=SAME_NAME_MAX).map(|number| format!("{path}-{number}"));
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for path in std::iter::once(path.to_owned()).chain(numbered) {
        let whole = storage.join(&path);
        match OpenOptions::new().write(true).create_new(true).mode(mode.unwrap_or(FILE_MODE)).open(&whole) {
            Ok(file) => {
                if let Some(mode) = mode {
                    permit(&whole, mode)?;
                }
                return Ok((path, file));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Permissions as they were asked for, whatever the umask leaves of them.
fn permit(path: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// Permissions of a new log, of which the umask leaves something.
const LOG_MODE: u32 = 0o666;
/// Permissions of a new file of a record: it holds what clients sent.
const FILE_MODE: u32 = 0o600;
/// Permissions of a new directory, likewise.
const DIRECTORY_MODE: u32 = 0o700;
/// Records of one second with the same identifier (count); more are lost.
const SAME_NAME_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use engine::config::{DecisionLog, DecisionsOnly, DecisionsTo};

    use super::super::Decisions;
    use super::*;

    fn started() -> Decisions {
        let settings = DecisionLog { to: DecisionsTo::None, only: DecisionsOnly::default() };
        Decisions::start(&settings).expect("a thread")
    }

    fn record(text: &str, log: &Path) -> AuditRecord {
        let log = Some(log.to_str().expect("a path of letters").into());
        AuditRecord { log, text: text.to_owned(), file: None, file_mode: None }
    }

    #[test]
    fn records_are_appended_by_the_thread_that_writes() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("audit.log");
        let decisions = started();
        assert!(decisions.audit(record("a\n", &path)));
        assert!(decisions.audit(record("lost\n", Path::new("/no/such/directory/audit.log"))));
        decisions.reopen();
        assert!(decisions.audit(record("b\n", &path)));
        decisions.flush();
        assert_eq!(std::fs::read_to_string(&path).expect("written"), "a\nb\n");
        assert_eq!((decisions.take_lost_audits(), decisions.take_lost_audits()), (1, 0));
    }

    #[test]
    fn concurrent_records_are_files_of_their_own() {
        let directory = tempfile::tempdir().expect("a directory");
        let (log, storage) = (directory.path().join("index"), directory.path().to_str().expect("letters"));
        let written = |storage: &str| {
            let file = AuditFile {
                storage: storage.into(),
                directories: ["20260921".to_owned(), "20260921/20260921-1413".to_owned()],
                path: "20260921/20260921-1413/20260921-141320-0a".to_owned(),
                directory_mode: Some(0o750),
                line: "h 127.0.0.1".to_owned(),
            };
            AuditRecord { file: Some(file), file_mode: Some(0o640), ..record("text\n", &log) }
        };
        let decisions = started();
        for storage in [storage, storage, "/no/such/directory"] {
            assert!(decisions.audit(written(storage)));
        }
        decisions.flush();
        let index = std::fs::read_to_string(&log).expect("an index");
        let names: Vec<_> = index.lines().map(|line| line.split(' ').rev().nth(3).expect("a name")).collect();
        let first = "/20260921/20260921-1413/20260921-141320-0a";
        assert_eq!(names, [first.to_owned(), format!("{first}-2")], "{index}");
        let mode = |path: &Path| path.metadata().expect("a file").permissions().mode() & 0o777;
        for name in names {
            let path = directory.path().join(&name[1..]);
            assert_eq!(std::fs::read_to_string(&path).expect("a record"), "text\n");
            assert_eq!((mode(&path), mode(path.parent().expect("a directory"))), (0o640, 0o750));
        }
        assert_eq!(decisions.take_lost_audits(), 1);
    }
}
