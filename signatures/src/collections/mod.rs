//! Persistent collections: what rules remember from one transaction to the next.
//!
//! `GLOBAL`, `IP`, `RESOURCE`, `SESSION` and `USER` (ModSecurity v3 reference, "Persistent Storage") hold one
//! [`Record`] for each key that `initcol`, `setrsc`, `setsid` or `setuid` names. Rules see the record as it was
//! when they named it, with what they have changed since; what they changed goes to a [`CollectionStore`] when
//! the transaction ends, as [`Update`]s and not as values. Two transactions that both add one have added two.
//!
//! The store and the time are arguments of an evaluation, so that the same store and the same time give the
//! same verdict. Without a store, collections live as long as their transaction.

mod image;
mod record;
mod store;

use std::fmt;
use std::sync::Arc;

pub use record::{Record, Update, UpdateKind};
pub use store::{MemoryStore, StoreLimits};

use sha2::{Digest, Sha256};

/// Where records are kept between transactions.
pub trait CollectionStore: fmt::Debug + Send + Sync {
    /// The record of a key at `now_us` (microseconds since the Unix epoch), without what has expired by then.
    fn load(&self, key: &CollectionKey, now_us: i64) -> Option<Arc<Record>>;

    /// Applies updates to the record of a key, in their order and at once. A record that is not there, or has
    /// expired, begins empty and lives for `timeout_s` seconds after its last update.
    fn commit(&self, key: &CollectionKey, updates: &[Update], now_us: i64, timeout_s: u32);
}

/// A persistent collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PersistentCollection {
    /// `GLOBAL`.
    Global,
    /// `IP`.
    Ip,
    /// `RESOURCE`.
    Resource,
    /// `SESSION`.
    Session,
    /// `USER`.
    User,
}

impl PersistentCollection {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 5] = [Self::Global, Self::Ip, Self::Resource, Self::Session, Self::User];

    /// The name as `initcol` and `setvar` spell it, lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Ip => "ip",
            Self::Resource => "resource",
            Self::Session => "session",
            Self::User => "user",
        }
    }

    /// The collection of that name, lower case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|collection| collection.name() == name)
    }

    /// Whether each application (`SecWebAppId`) has its own.
    fn is_of_an_application(self) -> bool {
        matches!(self, Self::Resource | Self::Session | Self::User)
    }
}

/// Which record of which collection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CollectionKey {
    collection: PersistentCollection,
    application: Box<str>,
    key: Box<[u8]>,
}

impl CollectionKey {
    /// The record of `key`, which is any bytes; of long ones, the SHA-256 is the key. `application` is
    /// `SecWebAppId`: sessions, users and resources of one application are none of another's.
    #[must_use]
    pub fn new(collection: PersistentCollection, application: Option<&str>, key: &[u8]) -> Self {
        let application = application.filter(|_| collection.is_of_an_application()).unwrap_or_default();
        let key = match key.len() {
            0..=KEY_BYTES_MAX => key.into(),
            _ => {
                let digest = Sha256::digest(key);
                digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes().into()
            }
        };
        Self { collection, application: application.into(), key }
    }

    /// The key within its collection (`IP:KEY`).
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    fn bytes(&self) -> usize {
        self.application.len() + self.key.len()
    }
}

/// Keys that are kept as they are (bytes); a longer one is kept as its digest.
const KEY_BYTES_MAX: usize = 256;
