//! The C library's own test inputs, which are no part of this repository.
//!
//! They are taken from the directory that `PORTCULLIS_LIBINJECTION` names, or else from the Go module in
//! `tests/peers/go.mod`, which carries them; without either what needs them is left out, and says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of the test inputs: `test-KIND-NAME-NUMBER.txt`.
pub(crate) struct Input {
    /// The file's name without `test-` and `.txt`.
    pub(crate) name: String,
    pub(crate) value: Vec<u8>,
    /// What the C library is said to answer.
    pub(crate) expected: Vec<u8>,
}

/// All of them, by name.
pub(crate) fn all() -> Vec<Input> {
    let directory = std::env::var_os("PORTCULLIS_LIBINJECTION").map(PathBuf::from).or_else(downloaded_by_go);
    let Some(directory) = directory else {
        println!("left out: no test inputs of libinjection by PORTCULLIS_LIBINJECTION or by Go");
        return Vec::new();
    };
    let entries = fs::read_dir(directory.join("tests")).expect("a directory of test inputs");
    let paths = entries.map(|entry| entry.expect("a readable directory").path());
    let mut inputs: Vec<Input> = paths.filter_map(|path| read(&path)).collect();
    inputs.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!inputs.is_empty(), "no test inputs in {}", directory.display());
    inputs
}

fn downloaded_by_go() -> Option<PathBuf> {
    let output = Command::new("go")
        .args(["mod", "download", "-json"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers"))
        .output()
        .ok()?;
    let module: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    module.get("Dir")?.as_str().map(PathBuf::from)
}

/// Reads a file as the C library's own driver does: the input and what is expected end at white space.
fn read(path: &Path) -> Option<Input> {
    let name = path.file_name()?.to_str()?.strip_prefix("test-")?.strip_suffix(".txt")?.to_owned();
    let text = fs::read(path).expect("a readable test input");
    let (_, rest) = section(&text, b"--INPUT--")?;
    let (value, expected) = section(rest, b"--EXPECTED--")?;
    Some(Input { name, value: trimmed(value).to_vec(), expected: trimmed(expected).to_vec() })
}

/// What is before and after the line.
fn section<'t>(text: &'t [u8], line: &[u8]) -> Option<(&'t [u8], &'t [u8])> {
    let at = text.windows(line.len()).position(|window| window == line)?;
    let after = &text[at + line.len()..];
    let end = after.iter().position(|byte| *byte == b'\n').map_or(after.len(), |end| end + 1);
    Some((&text[..at], &after[end..]))
}

fn trimmed(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| !b" \t\r\n".contains(byte)).map_or(0, |last| last + 1);
    &text[..end]
}
