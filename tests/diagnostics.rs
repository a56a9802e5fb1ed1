//! Golden files: `diagnostics/NAME.conf` beside what is said about it, `NAME.stderr`.
//! `UPDATE=1 cargo test -p portcullis-tests --test diagnostics` rewrites them.

use std::fs;
use std::path::{Path, PathBuf};

use engine::Disk;
use signatures::seclang::{self, Source};

#[test]
fn broken_rules_are_explained() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("diagnostics");
    let mut files: Vec<PathBuf> =
        fs::read_dir(&directory).unwrap().filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "conf"));
    files.sort();
    assert!(files.len() >= 50);
    let stale: Vec<String> = files.iter().filter_map(|file| check(&directory, file)).collect();
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}

/// What differs from the golden file, if anything does.
fn check(directory: &Path, file: &Path) -> Option<String> {
    let rendered = render(directory, file);
    let golden = file.with_extension("stderr");
    let update = std::env::vars_os().any(|(name, value)| name == "UPDATE" && value == "1");
    if update {
        fs::write(&golden, &rendered).expect("a golden file that can be written");
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    (rendered != expected).then(|| format!("{}:\n{rendered}", golden.display()))
}

/// All diagnostics of a file, with its name alone as path, so that the output is the same everywhere.
fn render(directory: &Path, file: &Path) -> String {
    let loaded = seclang::check(vec![Source::path(file.to_string_lossy())], &Disk);
    let drawn: Vec<String> =
        loaded.diagnostics.iter().chain(&loaded.notes).map(|found| found.render(false)).collect();
    let prefix = format!("{}/", directory.display());
    drawn.join("\n\n").replace(&prefix, "") + "\n"
}
