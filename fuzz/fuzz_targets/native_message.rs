//! However a message comes in pieces, its head is the same, and nothing is read of it that is not in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use transaction::message::properties::check_message;

fuzz_target!(|input: &[u8]| check_message(input));
