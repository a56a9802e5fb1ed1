//! Certificates, keys and authorities that a configuration names: read at load, checked, and shared by whoever names the
//! same files.
//!
//! Nothing here opens a connection: the proxy makes its listeners and upstreams of what is found.

mod authority;
mod binding;
mod identity;
mod token;

use std::collections::HashMap;
use std::sync::Arc;

use signatures::seclang::FileReader;
use signatures::{Diagnostic, Location};

pub use authority::Authorities;
pub use identity::Identity;

/// A file that the configuration names.
#[derive(Clone, Debug)]
pub struct NamedFile {
    /// Its path, found from the working directory.
    pub path: String,
    /// Where the configuration names it.
    pub place: Location,
}

/// The same file, wherever it is named.
impl PartialEq for NamedFile {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for NamedFile {}

impl NamedFile {
    /// A file named at `place`; a relative path is below the configuration's directory.
    #[must_use]
    pub fn new(path: &str, place: Location) -> Self {
        let file = &place.file.path;
        let directory = file.rfind('/').filter(|_| !path.starts_with('/')).map_or("", |at| &file[..=at]);
        Self { path: format!("{directory}{path}"), place }
    }
}

/// The files of a certificate and of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFiles {
    /// The certificate, in front of those that lead to its authority (PEM).
    pub certificate: NamedFile,
    /// Its private key (PEM).
    pub key: NamedFile,
}

/// What was read of the files that a configuration names.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    identities: HashMap<(String, String), Arc<Identity>>,
    authorities: HashMap<String, Arc<Authorities>>,
    files: Vec<String>,
}

impl Keyring {
    /// The certificate with its key; of every file that the configuration names there is one.
    #[must_use]
    pub fn identity(&self, files: &IdentityFiles) -> Option<&Arc<Identity>> {
        self.identities.get(&(files.certificate.path.clone(), files.key.path.clone()))
    }

    /// The authorities in a file.
    #[must_use]
    pub fn authorities(&self, file: &NamedFile) -> Option<&Arc<Authorities>> {
        self.authorities.get(&file.path)
    }

    /// The files that were read.
    pub fn files(&self) -> impl Iterator<Item = &String> {
        self.files.iter()
    }

    /// Reads a certificate with its key, once.
    pub(crate) fn read_identity(
        &mut self,
        files: &IdentityFiles,
        reader: &dyn FileReader,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let name = (files.certificate.path.clone(), files.key.path.clone());
        if self.identities.contains_key(&name) {
            return;
        }
        self.files.extend([name.0.clone(), name.1.clone()]);
        match identity::read(files, reader) {
            Ok(identity) => drop(self.identities.insert(name, Arc::new(identity))),
            Err(found) => diagnostics.extend(found),
        }
    }

    /// Looks at the key of an external account binding. It is not kept: who needs it reads it.
    pub(crate) fn read_binding(
        &mut self,
        file: &NamedFile,
        reader: &dyn FileReader,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        self.files.push(file.path.clone());
        diagnostics.extend(binding::check(file, reader).err().map(|found| *found));
    }

    /// Reads a token that callers must send.
    pub(crate) fn read_token(
        &mut self,
        file: &NamedFile,
        is_token: fn(&str) -> Result<(), &'static str>,
        reader: &dyn FileReader,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<String> {
        self.files.push(file.path.clone());
        token::read(file, is_token, reader).map_err(|found| diagnostics.push(*found)).ok()
    }

    /// Reads a file of authorities, once.
    pub(crate) fn read_authorities(
        &mut self,
        file: &NamedFile,
        reader: &dyn FileReader,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        if self.authorities.contains_key(&file.path) {
            return;
        }
        self.files.push(file.path.clone());
        match authority::read(file, reader) {
            Ok(authorities) => drop(self.authorities.insert(file.path.clone(), Arc::new(authorities))),
            Err(found) => diagnostics.push(*found),
        }
    }
}
