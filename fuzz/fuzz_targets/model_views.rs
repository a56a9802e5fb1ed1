//! Any bytes as path, query, header and body: every view is found, and decoding can be traced back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::decode::{Decoder, Steps, trace};
use model::{Extractor, View};
use transaction::{Body, Limits, Processor, Record};

fuzz_target!(|input: &[u8]| {
    let mut record = Record::default();
    record.request.target = [b"/?q=", input].concat();
    record.request.headers.push(b"X-Any", input);
    let transaction = record.transaction(&Limits::default());
    let mut visit = |view: View<'_>| check_decoding(view.value);
    let mut extractor = Extractor::default();
    extractor.head(&transaction, &mut visit);
    for processor in [Processor::Text, Processor::Binary, Processor::Xml] {
        let body = Body { processor, raw: input.to_vec(), ..Body::default() };
        extractor.body(&body, &mut visit);
    }
});

fn check_decoding(value: &[u8]) {
    let mut decoder = Decoder::default();
    let decoded = decoder.decode(value, &mut Steps::default()).unwrap_or(value);
    let (traced, origins) = trace(value);
    assert_eq!(traced, decoded);
    assert!(origins.len() == traced.len() && origins.iter().all(|at| (*at as usize) < value.len()));
}
