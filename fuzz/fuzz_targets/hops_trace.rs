//! What is passed on of traces and ids is harmless.
#![no_main]

use libfuzzer_sys::fuzz_target;
use transaction::hops::properties::check_trace;

fuzz_target!(|input: &[u8]| check_trace(input));
