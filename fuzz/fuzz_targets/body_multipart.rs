//! However a body is chunked, it is the same segments.
#![no_main]

use libfuzzer_sys::fuzz_target;
use transaction::Processor;
use transaction::body::properties::check_chunked_body;

fuzz_target!(|input: &[u8]| check_chunked_body(Processor::Multipart, "multipart/form-data; boundary=B", input));
