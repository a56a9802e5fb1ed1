//! Ctrl-C during work that leaves something behind.

use std::path::{Path, PathBuf};

/// A path that is removed unless the work on it is done: when it goes out of scope, and on Ctrl-C.
pub(crate) struct Unfinished {
    path: PathBuf,
}

impl Unfinished {
    /// Takes care of `path`, which need not exist yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        let watched = path.clone();
        std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                remove(&watched);
                // 128 + SIGINT, as shells report it.
                std::process::exit(130);
            }
        });
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

fn remove(path: &Path) {
    // It may never have been made.
    let _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
}
