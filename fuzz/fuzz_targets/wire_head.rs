//! However a head comes in pieces, it is the same, and what is taken of it nobody can read otherwise.
#![no_main]

use libfuzzer_sys::fuzz_target;
use transaction::wire::properties::check_head;

fuzz_target!(|input: &[u8]| check_head(input));
