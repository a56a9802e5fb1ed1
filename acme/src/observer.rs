//! Who is told what becomes of certificates.

use std::time::SystemTime;

use crate::certificate::{Certificate, Names};

/// Is told what becomes of certificates. It is called on the keeper's thread, and must not keep it.
pub trait Observer: Send + Sync {
    /// There is a certificate: read from the store, or obtained.
    fn certificate(&self, certificate: &Certificate);

    /// An attempt ended: `obtained`, or a word for the failure (`failure::Failure::word`).
    fn attempt(&self, _authority: &str, _outcome: &'static str) {}

    /// How many requests an authority may be sent now.
    fn tokens(&self, _authority: &str, _left: f64) {}

    /// How a certificate stands has changed.
    fn status(&self, _status: &Status) {}
}

/// How a certificate stands. There always is a next attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its names.
    pub names: Names,
    /// When the one in use ends; `None` without one.
    pub until: Option<SystemTime>,
    /// When it is ordered next.
    pub next: Option<SystemTime>,
    /// From whom.
    pub authority: Option<String>,
    /// What went wrong at the last attempt.
    pub failure: Option<String>,
}
