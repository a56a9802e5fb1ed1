//! `SecAuditLogType Concurrent`: a file for each transaction, and the line about it in the index.
//!
//! ModSecurity v3 reference, "SecAuditLogStorageDir"; its data formats, "Concurrent Audit Log Index Format".

use std::borrow::Cow;
use std::fmt::Write as _;

use signatures::transformation::Transformation;

use super::view::View;

/// Where the record of one transaction is written to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFile {
    /// `SecAuditLogStorageDir`.
    pub storage: Box<str>,
    /// The directories below it, the outer one first: `20261129`, `20261129/20261129-0113`.
    pub directories: [String; 2],
    /// The file below it: `20261129/20261129-0113/20261129-011302-ID`. There is nothing of a client in it but what
    /// of the transaction's identifier are letters, digits, `-` and `_`.
    pub path: String,
    /// `SecAuditLogDirMode`.
    pub directory_mode: Option<u32>,
    /// The beginning of its line in the index: who asked for what, and the status.
    pub line: String,
}

impl AuditFile {
    pub(super) fn new(view: &View<'_>) -> Option<Self> {
        let settings = &view.running.rules.ruleset.settings.audit;
        let directories = [view.time("%Y%m%d"), view.time("%Y%m%d/%Y%m%d-%H%M")];
        let id: String = view.transaction().id.chars().map(of_file_name).take(ID_CHARACTERS_MAX).collect();
        Some(Self {
            storage: settings.storage.clone()?,
            path: format!("{}/{}-{id}", directories[1], view.time("%Y%m%d-%H%M%S")),
            directories,
            directory_mode: settings.directory_mode,
            line: line(view),
        })
    }

    /// The line of the index about a record that was written to `path`.
    #[must_use]
    pub fn index(&self, path: &str, record: &str) -> String {
        let digest = Transformation::Md5.apply(Cow::Borrowed(record.as_bytes()));
        let mut line = format!("{} /{path} 0 {} md5:", self.line, record.len());
        for byte in digest.iter() {
            // Writing to a string cannot fail.
            let _ = write!(line, "{byte:02x}");
        }
        line.push('\n');
        line
    }
}

fn line(view: &View<'_>) -> String {
    let transaction = view.transaction();
    let header = |name: &str| {
        let mut found = view.headers("REQUEST_HEADERS", &transaction.request.headers);
        found.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).unwrap_or_default()
    };
    let sent = transaction.response.as_ref().map_or(0, |response| response.bytes_total);
    let request = format!(
        "{} {} {}",
        view.text(&transaction.request.method),
        view.target(),
        view.text(&transaction.request.protocol)
    );
    format!(
        "{} {} - - [{}] \"{}\" {} {sent} \"{}\" \"{}\" {} \"-\"",
        word(&header("host")),
        transaction.connection.client_address,
        view.time("%d/%b/%Y:%H:%M:%S +0000"),
        quoted(&request),
        view.outcome.status,
        dash(quoted(&header("referer"))),
        dash(quoted(&header("user-agent"))),
        word(&transaction.id),
    )
}

/// Text between quotes on one line, up to a length.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars().take(TEXT_CHARACTERS_MAX) {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if letter.is_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out
}

/// The same for text without quotes.
fn word(text: &str) -> String {
    dash(quoted(text).replace(char::is_whitespace, "\\x20"))
}

fn dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

fn of_file_name(letter: char) -> char {
    if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' }
}

/// How much of an identifier is in a file's name (count).
const ID_CHARACTERS_MAX: usize = 64;
/// How much of a target or header is in the index (count).
const TEXT_CHARACTERS_MAX: usize = 2_048;
