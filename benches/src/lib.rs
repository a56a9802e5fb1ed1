//! What the benches and measuring tools share: labelled requests, servers, and the account of what they spend.

pub mod account;
pub mod body;
pub mod clock;
pub mod corpus;
pub mod figures;
pub mod http;
pub mod interrupt;
pub mod load;
pub mod machine;
pub mod memory;
pub mod origin;
pub mod scoring;
pub mod server;
pub mod text;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result};
use transaction::Record;

/// The window that the data sets are compressed with (log2 of bytes): `zstd --long=26`.
const WINDOW_LOG_MAX: u32 = 27;

/// The records of a JSON lines file, `.zst` or plain, in order.
///
/// # Errors
/// When the file cannot be opened; each item likewise says what is wrong with its line.
pub fn records(path: &Path) -> Result<impl Iterator<Item = Result<Record>>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let reader: Box<dyn Read> = if path.extension().is_some_and(|extension| extension == "zst") {
        let mut decoder = zstd::Decoder::new(file)?;
        decoder.window_log_max(WINDOW_LOG_MAX)?;
        Box::new(decoder)
    } else {
        Box::new(file)
    };
    let name = path.display().to_string();
    let lines = BufReader::with_capacity(1 << 20, reader).split(b'\n').enumerate();
    Ok(lines.map(move |(index, line)| {
        let place = || format!("{name}:{}", index + 1);
        Record::from_json(&line.with_context(place)?).with_context(place)
    }))
}

/// Every nth record, so that about `wanted` of `all` remain, spread evenly; 0 takes all.
#[must_use]
pub fn thinned<T>(all: Vec<T>, wanted: usize) -> Vec<T> {
    let count = all.len();
    if wanted == 0 || count <= wanted {
        return all;
    }
    // Record i is taken where the running share of `wanted` steps over a whole number.
    let taken = all.into_iter().enumerate();
    taken.filter(|(i, _)| (i + 1) * wanted / count > i * wanted / count).map(|(_, record)| record).collect()
}

/// The first `wanted` of `all`.
#[must_use]
pub fn first<T>(mut all: Vec<T>, wanted: usize) -> Vec<T> {
    all.truncate(wanted);
    all
}

#[cfg(test)]
mod tests {
    use super::thinned;

    #[test]
    fn thins_evenly() {
        for (all, wanted, expected) in
            [(10, 0, 10), (10, 20, 10), (10, 5, 5), (10, 3, 3), (161_605, 20_000, 20_000)]
        {
            assert_eq!(thinned((0..all).collect(), wanted).len(), expected, "{wanted} of {all}");
        }
    }
}
