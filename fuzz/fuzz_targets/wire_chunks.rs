//! However a chunked body comes in pieces, it ends in the same place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use transaction::wire::properties::check_chunks;

fuzz_target!(|input: &[u8]| check_chunks(input));
