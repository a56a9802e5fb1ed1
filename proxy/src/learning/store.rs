//! The file that what was learned is kept in.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use model::profile::{BYTES_MAX, State};

use crate::files;

/// A file that is replaced as a whole, and not if somebody else has changed it meanwhile.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    /// Where the next version is written before it takes the file's name.
    next: PathBuf,
    known: Option<Print>,
}

/// What tells one version of a file from another.
type Print = (u64, u64, SystemTime);

impl Store {
    /// The file with what is in it; nothing, if it is not there yet.
    ///
    /// # Errors
    /// Why it cannot be read or written.
    pub(super) fn open(path: &Path) -> Result<(Self, State), String> {
        // A link stays a link.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let mut next = path.clone().into_os_string();
        next.push(".next");
        let known = print(&path).map_err(|error| error.to_string())?;
        let state = if known.is_some() { read(&path)? } else { State::default() };
        let store = Self { path, next: next.into(), known };
        store.probe().map_err(|error| error.to_string())?;
        Ok((store, state))
    }

    /// What somebody else has put into the file since it was read or written last, if anybody has. One that was
    /// removed has nothing in it.
    ///
    /// # Errors
    /// Why that cannot be read.
    pub(super) fn changed(&mut self) -> Result<Option<State>, String> {
        let found = print(&self.path).map_err(|error| error.to_string())?;
        if found == self.known {
            return Ok(None);
        }
        let state = match found {
            Some(_) => read(&self.path)?,
            None if files::directory(&self.path).is_dir() => State::default(),
            None => return Err("its directory is gone".to_owned()),
        };
        self.known = found;
        Ok(Some(state))
    }

    /// Replaces the file as a whole, or not at all.
    pub(super) fn write(&mut self, state: &State) -> io::Result<()> {
        let written = self.replace(&state.to_bytes());
        if written.is_err() {
            let _ = fs::remove_file(&self.next);
        }
        written
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        files::replace(&self.path, &self.next, bytes)?;
        self.known = print(&self.path)?;
        Ok(())
    }

    /// Whether it can be written, told before anything is learned in vain.
    fn probe(&self) -> io::Result<()> {
        if self.path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        File::create(&self.next)?;
        fs::remove_file(&self.next)
    }
}

fn read(path: &Path) -> Result<State, String> {
    let length = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > BYTES_MAX as u64 {
        return Err(format!("it has {length} bytes; at most {BYTES_MAX} are read"));
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    State::from_bytes(&bytes).map_err(|error| error.to_string())
}

fn print(path: &Path) -> io::Result<Option<Print>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some((metadata.ino(), metadata.len(), metadata.modified()?))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
