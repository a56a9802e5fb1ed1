//! The Core Rule Set as two engines read it alike.

use std::io;
use std::path::{Path, PathBuf};

/// Settings of an engine beside the rules: bodies and answers are read, by the parser that their type asks for.
pub const SETTINGS: &str = "SecRuleEngine On\nSecRequestBodyAccess On\nSecResponseBodyAccess On\n\
    SecResponseBodyMimeType text/plain text/html text/xml application/json\n\
    SecRule REQUEST_HEADERS:Content-Type \"@rx ^(?:application(?:/soap\\+|/)|text/)xml\" \
    \"id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML\"\n\
    SecRule REQUEST_HEADERS:Content-Type \"@rx ^application/json\" \
    \"id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON\"\n";

/// Lays out the rules of a Go module as the project's own archive is, with `more` behind its settings.
///
/// # Errors
/// When a file cannot be read or written.
pub fn lay_out(module: &Path, to: &Path, more: &str) -> io::Result<()> {
    std::fs::create_dir_all(to.join("rules"))?;
    for path in paths(&module.join("rules/@owasp_crs"))? {
        // libmodsecurity needs an empty line behind a rule without actions, which the module left out.
        let bytes = std::fs::read(&path)?;
        let text = String::from_utf8_lossy(&bytes).replace("\nSecRule", "\n\nSecRule");
        let is_rules = path.extension().is_some_and(|end| end == "conf");
        let copy = to.join("rules").join(path.file_name().unwrap_or_default());
        std::fs::write(copy, if is_rules { text.as_bytes() } else { &bytes })?;
    }
    let example = std::fs::read(module.join("rules/@crs-setup.conf.example"))?;
    std::fs::write(to.join("crs-setup.conf"), format!("{}\n{more}", String::from_utf8_lossy(&example)))
}

fn paths(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(directory)?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
