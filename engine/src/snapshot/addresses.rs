//! Lists of addresses, read.

use std::collections::BTreeMap;
use std::sync::Arc;

use ipnet::IpNet;
use sha2::{Digest, Sha256};
use signatures::seclang::FileReader;
use signatures::{Diagnostic, Location, Severity, SourceFile};

use crate::address::{AddressList, Line, line};
use crate::config;

/// Lists by their names.
pub(super) type Lists = BTreeMap<String, Arc<LoadedList>>;

/// A list with what it was made from.
#[derive(Debug)]
pub(super) struct LoadedList {
    pub(super) list: Arc<AddressList>,
    /// The files it was read from.
    pub(super) files: Vec<String>,
    /// SHA-256 of its files and prefixes.
    pub(super) hash: [u8; 32],
    warnings: Vec<Diagnostic>,
}

/// Reads a list; `before` is taken where it was made from the same.
pub(super) fn load(
    wanted: &config::AddressList,
    before: Option<&Arc<LoadedList>>,
    reader: &dyn FileReader,
    diagnostics: &mut Vec<Diagnostic>,
) -> Arc<LoadedList> {
    let mut texts = Vec::new();
    let mut hash = Sha256::new();
    for (path, place) in &wanted.files {
        match reader.read(path) {
            Ok(bytes) => {
                hash.update((bytes.len() as u64).to_le_bytes());
                hash.update(&bytes);
                texts.push((path, bytes));
            }
            Err(message) => {
                let title = format!("cannot read the addresses of `{path}`: {message}");
                diagnostics.push(
                    Diagnostic::error("unreadable-addresses", title).at(place.clone(), "no addresses there"),
                );
            }
        }
    }
    wanted.prefixes.iter().for_each(|prefix| hash.update(prefix.to_string()));
    let hash = hash.finalize().into();
    if let Some(before) = before.filter(|before| before.hash == hash) {
        diagnostics.extend(before.warnings.iter().cloned());
        return before.clone();
    }
    let (mut prefixes, mut found) = (wanted.prefixes.clone(), Vec::new());
    texts.iter().for_each(|(path, bytes)| read(path, bytes, &mut prefixes, &mut found));
    diagnostics.extend(found.iter().cloned());
    found.retain(|found| found.severity == Severity::Warning);
    let files = wanted.files.iter().map(|(path, _)| path.clone()).collect();
    Arc::new(LoadedList { list: Arc::new(AddressList::new(prefixes)), files, hash, warnings: found })
}

fn read(path: &str, bytes: &[u8], prefixes: &mut Vec<IpNet>, found: &mut Vec<Diagnostic>) {
    let (mut wrong, mut untidy) = (Vec::new(), Vec::new());
    for (number, bytes) in bytes.split(|byte| *byte == b'\n').enumerate() {
        match std::str::from_utf8(bytes).map_or(Line::Wrong, line) {
            Line::Blank => {}
            Line::Prefix(prefix) => prefixes.push(prefix),
            Line::Untidy(prefix) => {
                prefixes.push(prefix);
                untidy.push((number, bytes));
            }
            Line::Wrong => wrong.push((number, bytes)),
        }
    }
    found.extend(said(path, &wrong, Severity::Error));
    found.extend(said(path, &untidy, Severity::Warning));
}

/// What is said of lines: of each of the first, and how many more there are.
fn said(path: &str, lines: &[(usize, &[u8])], severity: Severity) -> Vec<Diagnostic> {
    let (code, label) = match severity {
        Severity::Error => ("invalid-network", "not an address or a prefix"),
        _ => ("untidy-network", "has bits behind its length, which are left out"),
    };
    let mut said: Vec<_> = lines
        .iter()
        .take(SAID_MAX)
        .map(|(number, bytes)| {
            let text =
                String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN_BYTES_MAX)]).trim_end().to_owned();
            let title = match severity {
                Severity::Error => format!("expected an address or a prefix, found `{text}`"),
                _ => format!("`{text}` has bits behind its length"),
            };
            let found = Diagnostic { severity, ..Diagnostic::error(code, title) };
            found.at(place(path, *number, &text), label)
        })
        .collect();
    if let (Some(last), more @ 1..) = (said.last_mut(), lines.len().saturating_sub(SAID_MAX)) {
        last.help = Some(format!("{more} more lines of `{path}` are like that"));
    }
    said
}

/// A line of a file, with the number it has there; a copy of the whole would be kept with every diagnostic.
fn place(path: &str, number: usize, text: &str) -> Location {
    let blank = "\n".repeat(number);
    let span = blank.len()..blank.len() + text.len();
    Location { file: Arc::new(SourceFile { path: path.to_owned(), text: blank + text }), span }
}

/// Lines of a file that something is said of (count).
const SAID_MAX: usize = 20;
/// How much is shown of a line (bytes).
const SHOWN_BYTES_MAX: usize = 100;
