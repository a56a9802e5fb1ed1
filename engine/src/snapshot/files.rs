//! A reader of files that notes what was read.

use std::cell::RefCell;

use sha2::{Digest, Sha256};
use signatures::seclang::FileReader;

/// Hashes every file that passes through it, so that a rule set's hash covers its data files.
pub(super) struct HashingReader<'a> {
    reader: &'a dyn FileReader,
    hash: RefCell<Sha256>,
    paths: RefCell<Vec<String>>,
}

impl<'a> HashingReader<'a> {
    pub(super) fn new(reader: &'a dyn FileReader) -> Self {
        Self { reader, hash: RefCell::default(), paths: RefCell::default() }
    }

    /// Adds text that is not in a file.
    pub(super) fn add(&self, name: &str, text: &[u8]) {
        let mut hash = self.hash.borrow_mut();
        // Lengths keep `ab` + `c` from being `a` + `bc`.
        for part in [name.as_bytes(), text] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }

    /// The hash of everything, and the paths of what was read.
    pub(super) fn finish(self) -> (String, Vec<String>) {
        (super::build::hex(&self.hash.into_inner().finalize()), self.paths.into_inner())
    }
}

impl FileReader for HashingReader<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.paths.borrow_mut().push(path.to_owned());
        let bytes = self.reader.read(path)?;
        // The directory does not count: the same rules elsewhere are the same rules.
        let name = path.rsplit('/').next().unwrap_or(path);
        self.add(name, &bytes);
        Ok(bytes)
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, String> {
        self.reader.glob(pattern)
    }
}
