//! The key of an external account binding (RFC 8555, section 7.3.4).

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use signatures::Diagnostic;
use signatures::seclang::FileReader;

use super::NamedFile;

/// Whether a file holds a key as authorities give it: base64url; some give base64.
pub(super) fn check(file: &NamedFile, reader: &dyn FileReader) -> Result<(), Box<Diagnostic>> {
    let wrong =
        |message: String| {
            let title = format!("cannot use the key in `{}`: {message}", file.path);
            Box::new(Diagnostic::error("bad-key", title).at(file.place.clone(), "no usable key").help(
                "a file with the HMAC key as the authority's web site shows it, in base64url".to_owned(),
            ))
        };
    let bytes = reader.read(&file.path).map_err(wrong)?;
    let key: Vec<u8> =
        bytes.into_iter().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=').collect();
    let read = BASE64_URL_SAFE_NO_PAD.decode(&key).or_else(|_| BASE64_STANDARD_NO_PAD.decode(&key));
    match read {
        Ok(key) if key.len() >= KEY_BYTES_MIN => Ok(()),
        Ok(key) => Err(wrong(format!("it has {} bytes, too few for a key", key.len()))),
        Err(_) => Err(wrong("it is not base64url".to_owned())),
    }
}

/// The shortest key that is taken.
const KEY_BYTES_MIN: usize = 16;
