//! A certificate authority.

use std::fmt;

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
