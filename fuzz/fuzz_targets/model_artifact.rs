//! Any bytes as a model: refused with a reason, or read such that they are written the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::Artifact;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(artifact) = Artifact::from_bytes(bytes) {
        assert_eq!(artifact.to_bytes(), bytes);
    }
});
