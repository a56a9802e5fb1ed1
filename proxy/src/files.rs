//! Files that are replaced as a whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Replaces a file as a whole, or not at all: `next`, in the same directory, is written and takes its name.
pub(crate) fn replace(path: &Path, next: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(next)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(next, path)?;
    // The new name is on disk when the directory is.
    File::open(directory(path))?.sync_all()
}

/// The directory a file is in.
pub(crate) fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
