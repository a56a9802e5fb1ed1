//! Any bytes are read, and whatever libinjectionrs finds is found.
#![no_main]

use libfuzzer_sys::fuzz_target;
use signatures::libinjection::xss;

fuzz_target!(|input: &[u8]| {
    let found = xss::detect(input);
    // It takes NUL for a part of an attribute's name.
    let is_comparable = !input.contains(&0);
    assert!(found || !is_comparable || !libinjectionrs::detect_xss(input).is_injection());
});
