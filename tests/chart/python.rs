//! kubernetes-validate and checkov, installed beside what is built.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

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

/// Once, into the target directory, by what tests/chart/python.txt says.
fn install() -> Result<PathBuf, String> {
    let wanted = concat!(env!("CARGO_MANIFEST_DIR"), "/chart/python.txt");
    let text = std::fs::read_to_string(wanted).map_err(|error| error.to_string())?;
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chart-python");
    let done = home.join("installed.txt");
    if std::fs::read_to_string(&done).is_ok_and(|installed| installed == text) {
        return Ok(home);
    }
    // What was begun and not finished is begun again.
    let _ = std::fs::remove_dir_all(&home);
    run(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
    let arguments =
        ["install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", wanted];
    run(Command::new(home.join("bin/pip")).args(arguments).env("PIP_DISABLE_PIP_VERSION_CHECK", "1"))?;
    std::fs::write(done, text).map_err(|error| error.to_string())?;
    Ok(home)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    if output.status.success() { Ok(()) } else { Err(last.to_owned()) }
}
