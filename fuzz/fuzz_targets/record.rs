//! Any bytes are read, and what is a record is written such that it reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use transaction::body::properties::check_record;

fuzz_target!(|json: &[u8]| check_record(json));
