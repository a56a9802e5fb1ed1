//! The files of audit records, as `SecAuditLog` names them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use engine::AuditRecord;

use super::decisions::open;

/// The files that audit records go to, each opened with its first record.
#[derive(Default)]
pub(super) struct Audits {
    files: BTreeMap<Box<str>, BufWriter<File>>,
    /// Said once, until a record can be written again.
    failing: bool,
}

impl Audits {
    /// Appends a record. What cannot be written is said, and lost.
    pub(super) fn write(&mut self, record: &AuditRecord) {
        match self.append(record) {
            Ok(()) => self.failing = false,
            Err(error) => {
                // A file that broke is opened anew with the next record.
                self.files.remove(&record.log);
                if !self.failing {
                    tracing::error!(%error, file = %record.log, "cannot write audit records");
                }
                self.failing = true;
            }
        }
    }

    fn append(&mut self, record: &AuditRecord) -> io::Result<()> {
        if !self.files.contains_key(&record.log) {
            let file = BufWriter::new(open(Path::new(&*record.log))?);
            self.files.insert(record.log.clone(), file);
        }
        match self.files.get_mut(&record.log) {
            Some(file) => file.write_all(record.text.as_bytes()),
            None => Ok(()),
        }
    }

    pub(super) fn flush(&mut self) {
        for file in self.files.values_mut() {
            let _ = file.flush();
        }
    }

    /// Closes all files: they were rotated, or their policy is gone.
    pub(super) fn close(&mut self) {
        self.flush();
        self.files.clear();
    }
}

#[cfg(test)]
mod tests {
    use engine::config::{DecisionLog, DecisionsOnly, DecisionsTo};

    use super::super::Decisions;
    use super::*;

    #[test]
    fn records_are_appended_by_the_thread_that_writes() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("audit.log");
        let record = |text: &str, log: &Path| AuditRecord {
            log: log.to_str().expect("a path of letters").into(),
            text: text.to_owned(),
        };
        let settings = DecisionLog { to: DecisionsTo::None, only: DecisionsOnly::default() };
        let decisions = Decisions::start(&settings).expect("a thread");
        assert!(decisions.audit(record("a\n", &path)));
        assert!(decisions.audit(record("lost\n", Path::new("/no/such/directory/audit.log"))));
        decisions.reopen();
        assert!(decisions.audit(record("b\n", &path)));
        decisions.flush();
        assert_eq!(std::fs::read_to_string(&path).expect("written"), "a\nb\n");
    }
}
