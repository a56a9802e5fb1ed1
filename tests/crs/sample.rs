//! Requests of the data sets, spread evenly.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use transaction::Record;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
const FILES: [&str; 4] = ["wcp-legit", "wcp-malicious", "attacks-extra", "benign-extra"];
/// The window that the files are compressed with (log2 of bytes).
const WINDOW_LOG_MAX: u32 = 27;

/// So many requests, as many of each file; `None` without the data.
pub(crate) fn of_data(wanted: usize) -> Option<Vec<Record>> {
    if !Path::new(DATA).is_dir() {
        println!("left out: no data sets at {DATA}");
        return None;
    }
    let of_each = wanted / FILES.len();
    Some(FILES.iter().flat_map(|name| of_file(name, of_each)).collect())
}

fn of_file(name: &str, wanted: usize) -> Vec<Record> {
    let path = format!("{DATA}/{name}-dev.jsonl.zst");
    let file = File::open(&path).expect("a data set");
    let mut decoder = zstd::Decoder::new(file).expect("zstd");
    decoder.window_log_max(WINDOW_LOG_MAX).expect("a valid window");
    let lines: Vec<String> = BufReader::new(decoder).lines().collect::<Result<_, _>>().expect("lines");
    let at = |number: usize| lines[number * lines.len() / wanted].as_bytes();
    (0..wanted).map(|number| Record::from_json(at(number)).expect("a record")).collect()
}
