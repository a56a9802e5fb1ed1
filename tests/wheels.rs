//! Python's packages by their hashes, installed beside what is built.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The environment called `name` of this directory, with what this list of requirements says: installed once, and anew where the list is another.
///
/// # Errors
/// Why it cannot be had here, in a line.
pub fn installed(directory: &str, name: &str, requirements: &str) -> Result<PathBuf, String> {
    let list = fs::read_to_string(requirements).map_err(|error| error.to_string())?;
    let home = Path::new(directory).join(name);
    let done = home.join("installed.txt");
    if fs::read_to_string(&done).is_ok_and(|installed| installed == list) {
        return Ok(home);
    }
    // What was begun and not finished is begun again.
    let _ = fs::remove_dir_all(&home);
    run(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
    let arguments =
        ["install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", requirements];
    run(Command::new(home.join("bin/pip")).args(arguments).env("PIP_DISABLE_PIP_VERSION_CHECK", "1"))?;
    fs::write(done, list).map_err(|error| error.to_string())?;
    Ok(home)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    if output.status.success() { Ok(()) } else { Err(last.to_owned()) }
}
