//! kubernetes-validate and checkov, installed beside what is built.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use portcullis_tests::wheels;

/// Where they are; says that they are left out where they cannot be had.
pub(crate) fn home() -> Option<&'static Path> {
    static HOME: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match HOME.get_or_init(install) {
        Ok(home) => Some(home),
        Err(error) => {
            println!("left out: kubernetes-validate and checkov cannot be installed here ({error})");
            None
        }
    }
}

/// By what tests/chart/python.txt says.
fn install() -> Result<PathBuf, String> {
    let wanted = concat!(env!("CARGO_MANIFEST_DIR"), "/chart/python.txt");
    wheels::installed(env!("CARGO_TARGET_TMPDIR"), "chart-python", wanted)
}
