//! What suites need that is not in this repository.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The release of CRS that the suites expect.
const CRS_VERSION: &str = "4.25.0";

/// The Go module that carries it, with its tests.
const CRS_MODULE: &str = "github.com/corazawaf/coraza-coreruleset/v4";

/// A directory of CRS, laid out as its Go module: the one that `PORTCULLIS_CRS` names, or the one in Go's
/// module cache, or else what `portcullis rules install` fetches, once, into the target directory.
#[must_use]
pub fn crs_directory() -> Option<PathBuf> {
    static DIRECTORY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| named().or_else(downloaded_by_go).or_else(installed));
    if directory.is_none() {
        println!("left out: no CRS by PORTCULLIS_CRS, by Go or by `portcullis rules install`");
    }
    directory.clone()
}

fn named() -> Option<PathBuf> {
    std::env::var_os("PORTCULLIS_CRS").map(PathBuf::from)
}

fn downloaded_by_go() -> Option<PathBuf> {
    let output = Command::new("go")
        .args(["mod", "download", "-json", &format!("{CRS_MODULE}@v{CRS_VERSION}")])
        .current_dir("/")
        .output()
        .ok()?;
    let module: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    module.get("Dir")?.as_str().map(PathBuf::from)
}

fn installed() -> Option<PathBuf> {
    let binary = binary();
    let directory = binary.parent()?.with_file_name(format!("crs-{CRS_VERSION}"));
    if !directory.is_dir() {
        // Another suite may be quicker: what counts is that it is there.
        let _ = Command::new(binary)
            .args(["rules", "install", "crs", "--version", CRS_VERSION, "--dir"])
            .arg(&directory)
            .stdout(Stdio::null())
            .status();
    }
    directory.is_dir().then_some(directory)
}

/// The binary under test, beside the test's own. `cargo test --workspace` builds it before any test runs;
/// with `-p portcullis-tests` alone, build it first with `cargo build --workspace`.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let directory = test.parent().and_then(Path::parent).expect("target/debug/deps/SUITE");
    let binary = directory.join("portcullis");
    assert!(binary.exists(), "{} is not built: cargo build --workspace", binary.display());
    binary
}
