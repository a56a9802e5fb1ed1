//! Sockets and processes that follow each other.
//!
//! A new binary takes over from a running one without a connection being refused: the old process starts the new one
//! (SIGUSR2), sends it the listening sockets over a socket pair that is the new one's standard input, and drains once the
//! new one says that it is ready. If that never happens, the old one goes on as if nothing had been. systemd passes sockets
//! likewise, by number ([`Inherited::of_process`]).

mod inherited;
mod passing;
mod successor;
pub(crate) mod supervisor;

pub(crate) use inherited::Inherited;
pub(crate) use successor::Successor;

/// Tells a process that it was started by one that it is to replace.
const SUCCESSOR: &str = "PORTCULLIS_SUCCESSOR";
