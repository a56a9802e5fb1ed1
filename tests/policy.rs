//! Golden files: `policy/NAME.yaml` beside what is said about it, `NAME.stderr`.
//! `UPDATE=1 cargo test -p portcullis-tests --test policy` rewrites them, and the JSON Schema.

use std::fs;
use std::path::{Path, PathBuf};

use engine::{Disk, Snapshot};

/// 20 November 2026: the day on which exceptions have expired or not.
const NOW_US: i64 = 1_795_132_800_000_000;

#[test]
fn broken_configurations_are_explained() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("policy");
    let mut files: Vec<PathBuf> =
        fs::read_dir(&directory).unwrap().filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(files.len() >= 14);
    let stale: Vec<String> = files
        .iter()
        .filter_map(|file| differs(&file.with_extension("stderr"), &render(&directory, file)))
        .collect();
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}

#[test]
fn the_schema_is_written_down() {
    let schema = serde_json::to_string_pretty(&engine::config::json_schema()).unwrap() + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/portcullis.schema.json");
    assert_eq!(differs(&file, &schema), None, "`UPDATE=1` rewrites it");
}

/// All diagnostics of a file, with its name alone as path, so that the output is the same everywhere.
fn render(directory: &Path, file: &Path) -> String {
    let text = fs::read_to_string(file).expect("a readable case");
    let diagnostics = match Snapshot::check(&file.to_string_lossy(), &text, &Disk, NOW_US) {
        Ok((_, warnings)) => warnings,
        Err(diagnostics) => diagnostics,
    };
    let drawn: Vec<String> = diagnostics.iter().map(|found| found.render(false)).collect();
    drawn.join("\n\n").replace(&format!("{}/", directory.display()), "") + "\n"
}

/// What differs from the golden file, if anything does.
fn differs(golden: &Path, found: &str) -> Option<String> {
    if std::env::vars_os().any(|(name, value)| name == "UPDATE" && value == "1") {
        fs::write(golden, found).expect("golden files can be written");
    }
    let expected = fs::read_to_string(golden).unwrap_or_default();
    (found != expected).then(|| format!("{}:\n{found}", golden.display()))
}
