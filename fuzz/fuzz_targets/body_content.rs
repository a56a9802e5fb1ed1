//! However an encoded body is chunked, it decodes to the same, within its bounds. The first byte
//! chooses the coding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use transaction::body::properties::check_chunked_content;

fuzz_target!(|input: &[u8]| check_chunked_content(input));
