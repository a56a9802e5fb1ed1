//! The two checksums that releases are published with.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::archive::Archive;

/// SHA-256 in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Go's checksum of a module (golang.org/x/mod/sumdb/dirhash, `Hash1`): that of a list of its files by
/// name, as `sha256sum` writes it.
pub(super) fn h1(archive: &Archive) -> String {
    let mut files: Vec<_> = archive.files.iter().collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let lines: String =
        files.iter().map(|file| format!("{}  {}\n", sha256(&file.content), file.path)).collect();
    format!("h1:{}", STANDARD.encode(Sha256::digest(lines)))
}
