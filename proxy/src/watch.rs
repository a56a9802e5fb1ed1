//! Files that are read again when they change.
//!
//! Directories are watched, not files: editors put another file in a file's place, and a mounted ConfigMap changes by a symbolic link on
//! the way to it. Whether anything changed is told by what the path leads to and by its size and times.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::reload::Reloader;
use crate::state::Shared;

/// Reloads when a file that was read changes.
pub(crate) fn watch(reloader: Arc<Reloader>, shared: Arc<Shared>) {
    let (events, mut changed) = mpsc::channel::<()>(1);
    let mut watched = Watched { events, watcher: None, refused: BTreeSet::new() };
    // Before anybody is told that the proxy runs: a change from then on is seen.
    if !watched.follow(&reloader.watched()) {
        tracing::warn!("files cannot be watched here; reload with SIGHUP");
        return;
    }
    tokio::spawn(async move {
        while changed.recv().await.is_some() {
            settle(&mut changed).await;
            loop {
                // What changed before it was watched, nobody told of: first it is watched, then looked at.
                watched.follow(&reloader.watched());
                if !reloader.has_changed() {
                    break;
                }
                reloader.reload(&shared).await;
                settle(&mut changed).await;
            }
        }
    });
}

/// Waits until files were left alone for a moment: a change comes as several events. It does not wait for ever, as a directory in
/// which somebody keeps a log is never left alone.
async fn settle(changed: &mut mpsc::Receiver<()>) {
    for _ in 0..SETTLE_ROUNDS_MAX {
        sleep(SETTLE).await;
        if changed.try_recv().is_err() {
            return;
        }
    }
}

/// What is watched.
struct Watched {
    events: mpsc::Sender<()>,
    watcher: Option<RecommendedWatcher>,
    /// Directories that cannot be watched, each of which is said once.
    refused: BTreeSet<PathBuf>,
}

impl Watched {
    /// Watches what these files depend on, and nothing else; whether that can be done here.
    ///
    /// All of it anew each time: another directory may have come to have the name of one, or even its number.
    fn follow(&mut self, files: &[PathBuf]) -> bool {
        let events = self.events.clone();
        let Ok(mut watcher) = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                let _ = events.try_send(());
            }
        }) else {
            return false;
        };
        let directories: BTreeSet<PathBuf> = files.iter().flat_map(|file| directories_of(file)).collect();
        for directory in directories {
            if let Err(error) = watcher.watch(&directory, RecursiveMode::NonRecursive)
                && self.refused.insert(directory.clone())
            {
                tracing::warn!(directory = %directory.display(), %error, "cannot be watched");
            }
        }
        self.watcher = Some(watcher);
        true
    }
}

/// The directories whose change may lead a path elsewhere: that of each link on the way, and the one that the file is in.
fn directories_of(file: &Path) -> Vec<PathBuf> {
    let mut directories = Vec::new();
    let mut path = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    for _ in 0..LINKS_MAX {
        let Some((directory, next)) = first_link(&path) else { break };
        directories.push(directory);
        path = next;
    }
    // Where it is not there, its coming is seen by the next that is.
    directories.extend(path.ancestors().find(|it| it.is_dir()).map(Path::to_path_buf));
    // One name for each, as the system watches a directory once.
    directories.into_iter().filter_map(|it| it.canonicalize().ok()).collect()
}

/// The first symbolic link on a path: the directory that it is in, and the path with what the link says in its place.
fn first_link(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut before = PathBuf::new();
    let mut parts = path.components();
    while let Some(part) = parts.next() {
        let here = before.join(part);
        if let Ok(target) = std::fs::read_link(&here) {
            return Some((before.clone(), before.join(target).join(parts.as_path())));
        }
        before = here;
    }
    None
}

/// What files were like: what their paths led to, which file of which file system that is, its size and time.
pub(crate) type Fingerprint = Vec<Option<(PathBuf, (u64, u64), u64, SystemTime)>>;

/// What files are like.
pub(crate) fn fingerprint(files: &[PathBuf]) -> Fingerprint {
    let print = |file: &PathBuf| {
        let metadata = std::fs::metadata(file).ok()?;
        let identity = (metadata.dev(), metadata.ino());
        Some((file.canonicalize().ok()?, identity, metadata.len(), metadata.modified().ok()?))
    };
    files.iter().map(print).collect()
}

/// How long files must be left alone.
const SETTLE: Duration = Duration::from_millis(200);
/// How often that is waited for: ten seconds.
const SETTLE_ROUNDS_MAX: usize = 50;
/// As many links as Linux follows.
const LINKS_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn noise_is_looked_into_now_and_then() {
        for (every, expected) in [(60, Duration::from_millis(200)), (0, Duration::from_secs(10))] {
            let (events, mut changed) = mpsc::channel(1);
            let noise = tokio::spawn(async move {
                loop {
                    sleep(Duration::from_secs(every) + Duration::from_millis(1)).await;
                    let _ = events.try_send(());
                }
            });
            let started = tokio::time::Instant::now();
            settle(&mut changed).await;
            assert_eq!(started.elapsed().as_millis() / 100, expected.as_millis() / 100);
            noise.abort();
        }
    }

    #[test]
    fn each_link_on_the_way_counts() {
        let directory = tempfile::tempdir().expect("a directory");
        let here = directory.path().canonicalize().expect("there");
        std::fs::create_dir_all(here.join("releases/1/rules")).expect("made");
        std::fs::write(here.join("releases/1/rules/a.conf"), "").expect("written");
        symlink("releases/1", here.join("current")).expect("linked");
        symlink("../current", here.join("releases/live")).expect("linked");
        symlink("around", here.join("around")).expect("linked");
        for (file, expected) in [
            ("releases/1/rules/a.conf", &["releases/1/rules"][..]),
            ("releases/1/rules", &["releases/1/rules"]),
            ("releases/1/none/none.conf", &["releases/1"]),
            ("current/rules/a.conf", &["", "releases/1/rules"]),
            ("releases/live/rules/a.conf", &["releases", "", "releases/1/rules"]),
        ] {
            let found = directories_of(&here.join(file));
            let expected: Vec<_> =
                expected.iter().map(|it| here.join(it).canonicalize().expect("there")).collect();
            assert_eq!(found, expected, "{file}");
        }
        assert!(directories_of(&here.join("around/a.conf")).len() <= LINKS_MAX + 1);
    }
}
