//! Headers as HAProxy packs them are read to what was packed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use transaction::spop::properties::check_headers;

fuzz_target!(|input: &[u8]| check_headers(input));
