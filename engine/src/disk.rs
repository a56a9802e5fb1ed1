//! The file system, as rules are loaded from it.
//!
//! The one place in this crate that reads files, and only where a program asks for it by name: at start
//! and reload. Nothing here is reached while a request is judged.

use std::fs;
use std::path::Path;

use signatures::seclang::{FileReader, glob_matches};

/// Reads rule files from the file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

/// The largest rule or data file that is read (bytes): CRS's largest has 100 KiB, a database of cities 60 MiB and
/// more.
const FILE_BYTES_MAX: u64 = 256 << 20;

impl FileReader for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let bytes = fs::metadata(path).map_err(|error| reason(&error))?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(format!("it has {bytes} bytes; at most {FILE_BYTES_MAX} are read"));
        }
        fs::read(path).map_err(|error| reason(&error))
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, String> {
        if !pattern.contains(['*', '?']) {
            return Ok(Path::new(pattern).is_file().then(|| pattern.to_owned()).into_iter().collect());
        }
        let fixed = pattern.find(['*', '?']).unwrap_or(pattern.len());
        let directory = pattern[..fixed].rfind('/').map_or("", |at| &pattern[..=at]);
        let mut found = Vec::new();
        let depth = pattern[directory.len()..].matches('/').count();
        walk(directory, depth, &mut found)?;
        found.retain(|path| glob_matches(pattern, path));
        Ok(found)
    }
}

/// All files `depth` directories below `directory`, which is empty or ends in `/`.
fn walk(directory: &str, depth: usize, found: &mut Vec<String>) -> Result<(), String> {
    let read = match fs::read_dir(if directory.is_empty() { "." } else { directory }) {
        Ok(read) => read,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("cannot read `{directory}`: {}", reason(&error))),
    };
    for entry in read.filter_map(Result::ok) {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{directory}{name}");
        match entry.path().is_dir() {
            true if depth > 0 => walk(&format!("{path}/"), depth - 1, found)?,
            true => {}
            false => found.push(path),
        }
    }
    Ok(())
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
