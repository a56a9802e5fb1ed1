//! What suites need that is not in this repository.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The release of CRS that the suites expect.
const CRS_VERSION: &str = "4.25.0";

/// The releases of CRS 4 that `portcullis rules install` knows.
pub const CRS_VERSIONS: [&str; 18] = [
    "4.0.0", "4.2.0", "4.3.0", "4.5.0", "4.6.0", "4.7.0", "4.10.0", "4.11.0", "4.13.0", "4.14.0", "4.15.0",
    "4.16.0", "4.20.0", "4.21.0", "4.22.0", "4.23.0", "4.24.0", "4.25.0",
];

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
    crs_release(CRS_VERSION)
}

/// A release of CRS in the target directory, put there by `portcullis rules install` when it is not.
#[must_use]
pub fn crs_release(version: &str) -> Option<PathBuf> {
    let binary = binary();
    let directory = binary.parent()?.with_file_name(format!("crs-{version}"));
    if !directory.is_dir() {
        // Another suite may be quicker: what counts is that it is there.
        let _ = Command::new(binary)
            .args(["rules", "install", "crs", "--version", version, "--dir"])
            .arg(&directory)
            .stdout(Stdio::null())
            .status();
    }
    directory.is_dir().then_some(directory)
}

/// The binary under test, beside the test's own, unless `PORTCULLIS_BINARY` names another (`./x seccomp` does).
/// `cargo test --workspace` builds it before any test runs; with `-p portcullis-tests` alone, build it first with
/// `cargo build --workspace`.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("PORTCULLIS_BINARY") {
        return named.into();
    }
    let test = std::env::current_exe().expect("a path");
    let directory = test.parent().and_then(Path::parent).expect("target/debug/deps/SUITE");
    let binary = directory.join("portcullis");
    assert!(binary.exists(), "{} is not built: cargo build --workspace", binary.display());
    binary
}
