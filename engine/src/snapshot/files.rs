//! A reader of files that notes what was read.

use std::cell::RefCell;

use sha2::{Digest, Sha256};
use signatures::seclang::FileReader;

/// Hashes every file that passes through it, so that a rule set's hash covers its data files.
pub(super) struct HashingReader<'a> {
    reader: &'a dyn FileReader,
    hash: RefCell<Sha256>,
    reads: RefCell<Reads>,
}

/// What was read, so that it can be known whether reading it again would give the same.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// Files in the order they were read, with the SHA-256 of their bytes.
    files: Vec<(String, [u8; 32])>,
    /// Patterns, and what was found for them.
    globs: Vec<(String, Vec<String>)>,
}

impl Reads {
    /// Whether reading all of it again gives what it gave.
    pub(super) fn hold(&self, reader: &dyn FileReader) -> bool {
        let same_files =
            |(pattern, found): &(String, Vec<String>)| reader.glob(pattern).as_ref() == Ok(found);
        let same_bytes = |(path, digest): &(String, [u8; 32])| {
            reader.read(path).is_ok_and(|bytes| sha256(&bytes) == *digest)
        };
        self.globs.iter().all(same_files) && self.files.iter().all(same_bytes)
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

impl<'a> HashingReader<'a> {
    pub(super) fn new(reader: &'a dyn FileReader) -> Self {
        Self { reader, hash: RefCell::default(), reads: RefCell::default() }
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

    /// The hash of everything, the paths of what was read, and how to know whether it is still the same.
    pub(super) fn finish(self) -> (String, Vec<String>, Reads) {
        let reads = self.reads.into_inner();
        let paths = reads.files.iter().map(|(path, _)| path.clone()).collect();
        (super::build::hex(&self.hash.into_inner().finalize()), paths, reads)
    }
}

impl FileReader for HashingReader<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let read = self.reader.read(path);
        let digest = read.as_ref().map_or([0; 32], |bytes| sha256(bytes));
        self.reads.borrow_mut().files.push((path.to_owned(), digest));
        let bytes = read?;
        // The directory does not count: the same rules elsewhere are the same rules.
        let name = path.rsplit('/').next().unwrap_or(path);
        self.add(name, &bytes);
        Ok(bytes)
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, String> {
        let found = self.reader.glob(pattern)?;
        self.reads.borrow_mut().globs.push((pattern.to_owned(), found.clone()));
        Ok(found)
    }
}
