//! Rule files from disk, for suites that load rule sets installed on the machine.

use std::fs;
use std::path::Path;

use signatures::seclang::{FileReader, glob_matches};

/// Reads rule files from disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl FileReader for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        fs::read(path).map_err(|error| error.kind().to_string())
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, String> {
        let directory = Path::new(pattern).parent().filter(|parent| parent != &Path::new(""));
        let Ok(entries) = fs::read_dir(directory.unwrap_or(Path::new("."))) else { return Ok(Vec::new()) };
        let prefix = directory.map_or(String::new(), |directory| format!("{}/", directory.display()));
        let names = entries.filter_map(Result::ok).filter_map(|entry| entry.file_name().into_string().ok());
        Ok(names.map(|name| format!("{prefix}{name}")).filter(|path| glob_matches(pattern, path)).collect())
    }
}

/// The directory of CRS as the Go module `coraza-coreruleset` has it, when Go has downloaded it.
#[must_use]
pub fn crs_directory() -> Option<String> {
    let output = std::process::Command::new("go")
        .args(["mod", "download", "-json", "github.com/corazawaf/coraza-coreruleset/v4@v4.25.0"])
        .current_dir(std::env::temp_dir())
        .output()
        .ok()?;
    let module: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    Some(format!("{}/rules", module["Dir"].as_str()?))
}
