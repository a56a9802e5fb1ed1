//! From an archive to a directory, wholly or not at all.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use super::archive::Archive;
use crate::interrupt::Unfinished;

/// What is unpacked of a release: rules, plugins, set-up, regression tests, licence.
const WANTED: [&str; 5] = ["rules/", "plugins/", "tests/", "crs-setup.conf", "LICENSE"];

/// Unpacks what is wanted beside `to`, and then gives it that name.
pub(super) fn unpack(archive: &Archive, to: &Path) -> anyhow::Result<()> {
    let root = archive.root();
    let inside = archive.files.iter().map(|file| (&file.path[root.len()..], &file.content));
    let wanted: Vec<_> =
        inside.filter(|(path, _)| WANTED.iter().any(|prefix| path.starts_with(prefix))).collect();
    let has_rules = wanted.iter().any(|(path, _)| path.starts_with("rules/") && path.ends_with(".conf"));
    ensure!(has_rules, "there is no `rules` directory in the archive");
    let partial = Unfinished::new(beside(to, "partial"));
    for (path, content) in wanted {
        write(&partial.path().join(path), content)?;
    }
    fs::rename(partial.path(), to).with_context(|| format!("cannot make `{}`", to.display()))
}

fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let failed = || format!("cannot write `{}`", path.display());
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).with_context(failed)?;
    }
    // `create_new`: no file of the archive takes the place of another.
    let mut file = File::create_new(path).with_context(failed)?;
    file.write_all(content).with_context(failed)
}

/// A name in the directory where the result will be, so that it can be renamed.
pub(super) fn beside(to: &Path, suffix: &str) -> PathBuf {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    to.with_file_name(format!(".{name}.{suffix}.{}", std::process::id()))
}
