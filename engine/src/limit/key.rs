//! What requests are counted by.

use std::net::IpAddr;

use sha2::{Digest, Sha256};
use transaction::{Fields, Transaction};

use super::RateLimit;

/// What requests are counted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// The asset.
    Asset,
    /// The network that the client's address is in, by the length of its prefix (bits).
    Client {
        /// Of IPv4 addresses.
        v4: u8,
        /// Of IPv6 addresses.
        v6: u8,
    },
    /// A cookie's value.
    Cookie(String),
    /// A header's value; the name in lower case.
    Header(String),
    /// The host.
    Host,
    /// The path, normalised.
    Path,
}

/// What tells the requests of one client, or whatever else is counted by, from those of others.
///
/// The first half of a SHA-256, so that its length does not depend on what a client sends, and nobody finds another
/// value with the same. The same in every process.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RateKey(pub [u8; 16]);

/// A request, as keys look at it.
pub(crate) struct Keyed<'a> {
    pub(crate) transaction: &'a Transaction,
    pub(crate) asset: &'a str,
    pub(crate) host: &'a str,
    pub(crate) normal_path: &'a [u8],
}

impl KeyPart {
    /// A client's own address; of IPv6, the network that one client has for itself.
    pub const CLIENT_ADDRESS: Self = Self::Client { v4: 32, v6: 64 };
}

impl Keyed<'_> {
    /// What the request is counted by.
    pub(crate) fn key(&self, limit: &RateLimit) -> RateKey {
        let mut hash = Sha256::new();
        put(&mut hash, b'n', limit.name.as_bytes());
        limit.key.iter().for_each(|part| self.put(&mut hash, part));
        let mut key = RateKey([0; 16]);
        key.0.copy_from_slice(&hash.finalize()[..16]);
        key
    }

    fn put(&self, hash: &mut Sha256, part: &KeyPart) {
        let Transaction { cookies, request, connection, .. } = self.transaction;
        let named = match part {
            KeyPart::Asset => Some((b'a', self.asset.as_bytes())),
            KeyPart::Host => Some((b'h', self.host.as_bytes())),
            KeyPart::Path => Some((b'p', self.normal_path)),
            KeyPart::Cookie(name) => only(cookies, |found| found == name.as_bytes()).map(|it| (b'c', it)),
            KeyPart::Header(name) => {
                let is_named = |found: &[u8]| found.eq_ignore_ascii_case(name.as_bytes());
                only(&request.headers, is_named).map(|it| (b'r', it))
            }
            KeyPart::Client { .. } => None,
        };
        match named {
            Some((kind, value)) => put(hash, kind, value),
            None => put_client(hash, connection.client_address, part),
        }
    }
}

/// The value of a field that is there exactly once, and not empty: of several, an application may take another than we do.
fn only(fields: &Fields, is_named: impl Fn(&[u8]) -> bool) -> Option<&[u8]> {
    let mut found = fields.iter().filter(|field| is_named(field.name));
    let field = found.next()?;
    (found.next().is_none() && !field.value.is_empty()).then_some(field.value)
}

fn put_client(hash: &mut Sha256, address: IpAddr, part: &KeyPart) {
    let KeyPart::Client { v4, v6 } = (match part {
        KeyPart::Client { .. } => part,
        _ => &KeyPart::CLIENT_ADDRESS,
    }) else {
        return;
    };
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(*v4).min(32)).unwrap_or(0);
            put(hash, b'4', &(u32::from(address) & mask).to_be_bytes());
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(*v6).min(128)).unwrap_or(0);
            put(hash, b'6', &(u128::from(address) & mask).to_be_bytes());
        }
    }
}

/// Kinds and lengths keep `ab` + `c` from being `a` + `bc`, and a header's value from being another client's address.
fn put(hash: &mut Sha256, kind: u8, value: &[u8]) {
    hash.update([kind]);
    hash.update((value.len() as u64).to_le_bytes());
    hash.update(value);
}

impl RateKey {
    /// The key in hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.0))
    }
}

impl std::fmt::Debug for RateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_hex())
    }
}
