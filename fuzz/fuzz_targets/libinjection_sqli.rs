//! Any bytes are read, and an attack has a fingerprint of one to five letters.
#![no_main]

use libfuzzer_sys::fuzz_target;
use signatures::libinjection::sqli;

fuzz_target!(|input: &[u8]| {
    if let Some(fingerprint) = sqli::detect(input) {
        assert!((1..=5).contains(&fingerprint.as_ref().len()));
        assert_eq!(fingerprint.to_string().as_bytes(), fingerprint.as_ref());
    }
});
