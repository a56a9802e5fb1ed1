//! Recorded requests from files: JSON lines, plain or compressed, and HAR.

mod har;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use transaction::Record;

/// The longest line read (bytes); longer ones are reported and left out.
const LINE_BYTES_MAX: usize = 256 << 20;

/// What a line has room for from the start (bytes).
const LINE_BYTES_USUAL: usize = 2 << 10;

/// Recorded requests of one file, one at a time.
pub(crate) struct Records {
    name: Arc<str>,
    source: Source,
    number: usize,
}

enum Source {
    Lines(Box<dyn BufRead + Send>),
    Har(std::vec::IntoIter<Record>),
}

/// A record, still as text where that allows to parse it on another thread.
pub(crate) enum Item {
    Line { name: Arc<str>, number: usize, json: Vec<u8> },
    Record(Box<Record>),
    Unreadable(anyhow::Error),
}

impl Item {
    /// About how many bytes it holds.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Record(record) => record.body.len(),
            Self::Line { json, .. } => json.len(),
            Self::Unreadable(_) => 0,
        }
    }

    /// The record; it is named after its line when it has no id.
    pub(crate) fn record(self) -> anyhow::Result<Record> {
        self.parsed().map(|record| *record)
    }

    /// The same, not taken out of its box.
    pub(crate) fn parsed(self) -> anyhow::Result<Box<Record>> {
        match self {
            Self::Record(record) => Ok(record),
            Self::Unreadable(error) => Err(error),
            Self::Line { name, number, json } => {
                let mut record = Record::from_json(&json)
                    .map_err(|error| anyhow::anyhow!("{name}:{number}: not a record: {}", error.message))?;
                if record.id.is_empty() {
                    record.id = number.to_string();
                }
                Ok(Box::new(record))
            }
        }
    }
}

impl Records {
    /// Opens a file; `-` is standard input. What it is follows from its first bytes.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let name = path.to_string_lossy().into_owned();
        let raw: Box<dyn Read + Send> = if name == "-" {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(path).with_context(|| format!("cannot open `{name}`"))?)
        };
        let mut reader = decompressed(raw).with_context(|| format!("cannot read `{name}`"))?;
        let is_har = name.ends_with(".har")
            || reader.fill_buf().with_context(|| format!("cannot read `{name}`"))?.starts_with(b"{\"log\":");
        let source = if is_har {
            Source::Har(har::read(reader).with_context(|| format!("cannot read `{name}`"))?.into_iter())
        } else {
            Source::Lines(reader)
        };
        Ok(Self { name: name.into(), source, number: 0 })
    }

    /// The next record that is not an empty line.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<Item>> {
        let reader = match &mut self.source {
            Source::Har(records) => return Ok(records.next().map(|record| Item::Record(Box::new(record)))),
            Source::Lines(reader) => reader,
        };
        loop {
            self.number += 1;
            let mut json = Vec::with_capacity(LINE_BYTES_USUAL);
            let read = reader.take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut json);
            let read = read.with_context(|| format!("cannot read `{}`", self.name))?;
            if read == LINE_BYTES_MAX {
                bail!("{}:{}: the line is longer than {LINE_BYTES_MAX} bytes", self.name, self.number);
            }
            if read == 0 {
                return Ok(None);
            }
            if !json.trim_ascii().is_empty() {
                return Ok(Some(Item::Line { name: self.name.clone(), number: self.number, json }));
            }
        }
    }
}

/// Undoes gzip (RFC 1952) and zstd (RFC 8878), known by their magic numbers.
fn decompressed(raw: Box<dyn Read + Send>) -> io::Result<Box<dyn BufRead + Send>> {
    let mut reader = BufReader::new(raw);
    let first = reader.fill_buf()?;
    Ok(if first.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(reader)))
    } else if first.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Box::new(BufReader::new(zstd::Decoder::with_buffer(reader)?))
    } else {
        Box::new(reader)
    })
}
