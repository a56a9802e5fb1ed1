//! The files of an archive, zip or gzipped tar, in memory.

use std::io::{Cursor, Read};
use std::path::{Component, Path};

use anyhow::{Context, ensure};

/// The regular files of an archive.
pub(super) struct Archive {
    pub(super) files: Vec<ArchivedFile>,
}

pub(super) struct ArchivedFile {
    /// The path as the archive has it: relative, and without steps upwards.
    pub(super) path: String,
    pub(super) content: Vec<u8>,
}

/// The most that is unpacked (bytes); a release has 4 MiB.
const UNPACKED_BYTES_MAX: u64 = 64 << 20;

/// The most files that are unpacked; a release has 400.
const FILES_MAX: usize = 10_000;

impl Archive {
    /// Reads the files of an archive. One with a path that leads out of it is refused as a whole.
    pub(super) fn read(bytes: &[u8]) -> anyhow::Result<Self> {
        let mut archive = Self { files: Vec::new() };
        if bytes.starts_with(b"PK") {
            archive.read_zip(bytes).context("not a whole zip archive")?;
        } else {
            archive.read_tar(bytes).context("neither a whole zip archive nor a whole gzipped tar archive")?;
        }
        Ok(archive)
    }

    /// The directory that holds all files: `coreruleset-4.25.0/`. Empty when there is none.
    pub(super) fn root(&self) -> &str {
        let mut paths = self.files.iter().map(|file| file.path.as_str());
        let first = paths.next().unwrap_or_default();
        let mut root = directory(first);
        for path in paths {
            while !path.starts_with(root) {
                root = directory(root.trim_end_matches('/'));
            }
        }
        root
    }

    fn read_zip(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes))?;
        for index in 0..zip.len() {
            let mut entry = zip.by_index(index)?;
            if entry.is_file() {
                let path = entry.name()?.into_owned();
                self.add(&path, &mut entry)?;
            }
        }
        Ok(())
    }

    fn read_tar(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        // More than the files may have: their headers and padding.
        let unzipped = flate2::read::GzDecoder::new(bytes).take(2 * UNPACKED_BYTES_MAX);
        for entry in tar::Archive::new(unzipped).entries()? {
            let mut entry = entry?;
            if entry.header().entry_type().is_file() {
                let path = String::from_utf8(entry.path_bytes().into_owned())?;
                self.add(&path, &mut entry)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &str, content: &mut dyn Read) -> anyhow::Result<()> {
        let path = path.trim_start_matches("./");
        ensure!(is_inside(path), "it has a file at `{}`", path.escape_debug());
        ensure!(self.files.len() < FILES_MAX, "it has more than {FILES_MAX} files");
        let so_far: usize = self.files.iter().map(|file| file.content.len()).sum();
        let left = UNPACKED_BYTES_MAX.saturating_sub(so_far as u64);
        let mut bytes = Vec::new();
        content.take(left + 1).read_to_end(&mut bytes)?;
        ensure!(bytes.len() as u64 <= left, "its files have more than {UNPACKED_BYTES_MAX} bytes");
        self.files.push(ArchivedFile { path: path.to_owned(), content: bytes });
        Ok(())
    }
}

/// The directory of a path, with its `/`; empty when there is none.
fn directory(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..=at])
}

/// Whether a path stays where it is unpacked, on any system.
fn is_inside(path: &str) -> bool {
    let is_plain = |part| matches!(part, Component::Normal(_));
    !path.is_empty() && !path.contains(['\\', ':', '\0']) && Path::new(path).components().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_inside() {
        for (path, expected) in [
            ("crs-4/rules/a.conf", true),
            ("crs-4/rules/@owasp_crs/a.conf", true),
            ("", false),
            ("../etc/passwd", false),
            ("crs-4/../../etc/passwd", false),
            ("/etc/passwd", false),
            ("crs-4\\..\\a", false),
            ("c:a", false),
        ] {
            assert_eq!(is_inside(path), expected, "{path}");
        }
    }

    #[test]
    fn finds_what_holds_all() {
        for (paths, expected) in [
            (&["m/v4@v4.2.0/LICENSE", "m/v4@v4.2.0/rules/a.conf"][..], "m/v4@v4.2.0/"),
            (&["c/rules/a.conf", "c/rules/b.conf", "c/tests/x.yaml"], "c/"),
            (&["crs/a", "crs2/a"], ""),
            (&["a"], ""),
            (&[], ""),
        ] {
            let file = |path: &&str| ArchivedFile { path: (*path).to_owned(), content: Vec::new() };
            let archive = Archive { files: paths.iter().map(file).collect() };
            assert_eq!(archive.root(), expected, "{paths:?}");
        }
    }
}
