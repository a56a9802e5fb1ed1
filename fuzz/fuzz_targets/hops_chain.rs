//! What is said nearest to us is read first, whatever stands in front of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use transaction::hops::properties::check_chain;

fuzz_target!(|input: &[u8]| check_chain(input));
