//! Any parameters as a learned state: refused with a reason, or read such that they are written the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::profile::State;
use sha2::{Digest, Sha256};

fuzz_target!(|bytes: &[u8]| {
    let _ = State::from_bytes(bytes);
    let Some((count, parameters)) = bytes.split_first() else { return };
    // A header that is right, for as many parameters as the first byte says, and a checksum that is right.
    let mut file = State::default().to_bytes();
    file.truncate(file.len() - 32);
    let name = b"\"parameters\":";
    let at = file.windows(name.len()).position(|window| window == name).unwrap() + name.len();
    file[at] = b'0' + count % 10;
    file.extend_from_slice(parameters);
    file.extend(Sha256::digest(&file));
    if let Ok(state) = State::from_bytes(&file) {
        assert_eq!(state.to_bytes(), file);
    }
});
