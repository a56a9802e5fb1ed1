//! promtool, which says what Prometheus would.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Our alerts.
pub(crate) fn rules() -> PathBuf {
    portcullis_tests::helm::chart().join("monitoring/rules.yaml")
}

/// The one that `./x` fetched, or that is installed.
fn program() -> PathBuf {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/promtool");
    if fetched.exists() { fetched } else { PathBuf::from("promtool") }
}

/// Whether it is there; says so where it is not.
pub(crate) fn is_there() -> bool {
    let found = Command::new(program()).arg("--version").output().is_ok();
    if !found {
        println!("left out: promtool is not installed (Debian: prometheus)");
    }
    found
}

/// Runs `promtool CHECK... FILE`.
#[track_caller]
pub(crate) fn run(check: &[&str], file: &Path) {
    let output = Command::new(program()).args(check).arg(file).output().expect("promtool runs");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "promtool {check:?}:\n{}", String::from_utf8_lossy(&said));
}
