//! Volumes of ConfigMaps and Secrets, written and updated as the kubelet does it (its `AtomicWriter`).
//!
//! What a container sees under a key is a symbolic link to `..data/KEY`, and `..data` is one to a directory with a time in its name. An
//! update writes another such directory, lets a new `..data` take the old one's name, and removes the old directory: all files change in
//! one step, and no file ever changes.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A volume.
#[derive(Debug)]
pub struct Volume {
    path: PathBuf,
    mode: u32,
    group: Option<u32>,
}

impl Volume {
    /// A volume at a path, which need not exist; `files` by their paths in it. Everybody may read them.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn new<T: AsRef<[u8]>>(path: &Path, files: &[(&str, T)]) -> io::Result<Self> {
        Self::with_mode(path, files, 0o644, None)
    }

    /// The same with files of `mode` and, where there is an `fsGroup`, of that group.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn with_mode<T: AsRef<[u8]>>(
        path: &Path,
        files: &[(&str, T)],
        mode: u32,
        group: Option<u32>,
    ) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let volume = Self { path: path.to_owned(), mode, group };
        volume.update(files)?;
        Ok(volume)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts these files in place of all that there are.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn update<T: AsRef<[u8]>>(&self, files: &[(&str, T)]) -> io::Result<()> {
        let data = self.path.join(DATA);
        let before = fs::read_link(&data).ok();
        let next = self.write(files)?;
        let link = self.path.join("..data_tmp");
        symlink(&next, &link)?;
        fs::rename(&link, &data)?;
        self.show(files)?;
        if let Some(before) = before {
            fs::remove_dir_all(self.path.join(before))?;
        }
        Ok(())
    }

    /// Writes the files into a directory with a time in its name, which nobody looks at yet.
    fn write<T: AsRef<[u8]>>(&self, files: &[(&str, T)]) -> io::Result<PathBuf> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = PathBuf::from(format!("..2026_11_30_03_00_00.{}{count:05}", std::process::id()));
        for (file, content) in files {
            let path = self.path.join(&name).join(file);
            fs::create_dir_all(path.parent().unwrap_or(&self.path))?;
            fs::write(&path, content)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(self.mode))?;
            if let Some(group) = self.group {
                chown(&path, None, Some(group))?;
            }
        }
        Ok(name)
    }

    /// Links for what is new, and none for what is gone: one for each first part of a path.
    fn show<T>(&self, files: &[(&str, T)]) -> io::Result<()> {
        let wanted: BTreeMap<&str, PathBuf> = files
            .iter()
            .map(|(file, _)| file.split('/').next().unwrap_or(file))
            .map(|first| (first, Path::new(DATA).join(first)))
            .collect();
        for (name, target) in &wanted {
            let link = self.path.join(name);
            if fs::symlink_metadata(&link).is_err() {
                symlink(target, link)?;
            }
        }
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // What else a test has there stays.
            if entry.file_type()?.is_symlink() && !name.starts_with("..") && !wanted.contains_key(&*name) {
                fs::remove_file(self.path.join(&*name))?;
            }
        }
        Ok(())
    }
}

const DATA: &str = "..data";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_is_one_step_and_leaves_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let volume =
            Volume::new(directory.path(), &[("a", "1"), ("b/c", "1"), ("gone", "1")]).expect("written");
        volume.update(&[("a", "2"), ("b/c", "2")]).expect("written");
        assert_eq!(fs::read_to_string(directory.path().join("a")).expect("there"), "2");
        assert_eq!(fs::read_to_string(directory.path().join("b/c")).expect("there"), "2");
        let mut names: Vec<_> = fs::read_dir(directory.path())
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .filter(|name| !name.starts_with("..2026"))
            .collect();
        names.sort();
        assert_eq!(names, ["..data", "a", "b"]);
    }
}
