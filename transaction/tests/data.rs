//! Records of the data sets, where they are at hand, read and parse.
#![expect(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use transaction::{Body, BodyReader, Inspection, Limits, Processor, Progress, Record, Shortfall};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
const RECORDS_MAX: usize = 5_000;

#[test]
fn data_sets_read() {
    let Ok(directory) = Path::new(DATA).read_dir() else {
        eprintln!("left out: no data sets at {DATA}");
        return;
    };
    for entry in directory.flatten() {
        let path = entry.path();
        if path.to_string_lossy().ends_with(".jsonl.zst") {
            let malformed = read(&path);
            println!("{}: {malformed:?}", path.display());
            let malformed: usize = malformed.values().sum();
            assert!(malformed < RECORDS_MAX / 10, "{}: {malformed} malformed bodies", path.display());
        }
    }
}

/// Counts bodies that do not parse, by reason.
fn read(path: &Path) -> BTreeMap<String, usize> {
    let mut decoder = zstd::Decoder::new(File::open(path).unwrap()).unwrap();
    decoder.window_log_max(27).unwrap();
    let mut malformed = BTreeMap::new();
    for line in BufReader::new(decoder).lines().take(RECORDS_MAX) {
        let record = Record::from_json(line.unwrap().as_bytes()).unwrap();
        assert_eq!(Record::from_json(record.to_json().as_bytes()).as_ref(), Ok(&record));
        if let Some(reason) = parse(&record) {
            *malformed.entry(reason).or_default() += 1;
        }
    }
    malformed
}

fn parse(record: &Record) -> Option<String> {
    let limits = Limits::default();
    let transaction = record.transaction(&limits);
    let content_type = transaction.request.headers.first(b"content-type").unwrap_or_default();
    let processor = Processor::for_content_type(content_type);
    let mut reader = BodyReader::new(processor, &transaction.request, &limits);
    let (mut body, mut inspection, mut rest) = (Body::default(), Inspection::default(), &record.body[..]);
    while reader.push(&mut rest, &mut body, &mut inspection) == Progress::SegmentFull {
        reader.next_segment(&mut body);
    }
    while reader.finish(&mut body, &mut inspection) == Progress::SegmentFull {
        reader.next_segment(&mut body);
    }
    let reasons = inspection.reasons().map(Shortfall::as_str);
    let message = body.error.map(|error| error.message).unwrap_or_default();
    (!inspection.is_complete()).then(|| format!("{processor:?} {:?} {message}", reasons.collect::<Vec<_>>()))
}
