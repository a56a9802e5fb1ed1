//! Whatever HAProxy seems to say is read no further than it goes, and answered in frames.
#![no_main]

use libfuzzer_sys::fuzz_target;
use transaction::spop::properties::check_frame;

fuzz_target!(|input: &[u8]| check_frame(input));
