//! A certificate authority.

use std::fmt;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};

/// A certificate authority that speaks ACME.
#[derive(Clone, PartialEq, Eq)]
pub struct Authority {
    /// What it is called in files, logs and metrics: letters, digits, `-` and `.`.
    pub name: String,
    /// The URL of its directory.
    pub directory: String,
    /// Binds our account with it to a customer's, for those that ask for it.
    pub binding: Option<Binding>,
    /// Certificates (PEM) that its own is checked with; those of the system when absent.
    pub roots: Option<String>,
}

/// An external account binding.
#[derive(Clone, PartialEq, Eq)]
pub struct Binding {
    /// The key's id, as the authority gave it.
    pub kid: String,
    /// The key itself: octets, not text.
    pub hmac_key: Vec<u8>,
}

impl Binding {
    /// Reads a key as authorities give it: base64url; some give base64.
    ///
    /// # Errors
    /// What is neither, or too short to be a key.
    pub fn read(kid: &str, key: &str) -> Result<Self, String> {
        let key: String = key.chars().filter(|letter| !letter.is_whitespace() && *letter != '=').collect();
        let hmac_key = BASE64_URL_SAFE_NO_PAD.decode(&key).or_else(|_| BASE64_STANDARD_NO_PAD.decode(&key));
        let hmac_key = hmac_key.map_err(|_| format!("the key of `{kid}` is not base64url"))?;
        if hmac_key.len() < KEY_BYTES_MIN {
            return Err(format!("the key of `{kid}` has {} bytes, too few for a key", hmac_key.len()));
        }
        Ok(Self { kid: kid.to_owned(), hmac_key })
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({}: {})", self.name, self.directory)
    }
}

impl fmt::Debug for Binding {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binding({})", self.kid)
    }
}

/// The shortest key that is taken.
const KEY_BYTES_MIN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_keys_as_they_are_given() {
        for (text, expected) in [
            ("_-_-_-_-_-_-_-_-_-_-_-_-", Ok(18)),
            ("/+/+/+/+/+/+/+/+/+/+/+/+", Ok(18)),
            (" _-_-_-_-_-_-_-_-_-_-_-_-_w==\n", Ok(19)),
            ("_-_-", Err("3 bytes")),
            ("not a key!", Err("not base64url")),
        ] {
            let read = Binding::read("kid", text).map(|it| it.hmac_key.len());
            match (read, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text}"),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, expected) => panic!("{text}: {found:?}, expected {expected:?}"),
            }
        }
    }
}
