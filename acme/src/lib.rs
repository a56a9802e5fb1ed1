//! Certificates by ACME (RFC 8555): which authority is asked, when, and what happens when it does not work.
//!
//! The protocol itself is `instant-acme`'s. What is here is the policy around it, and it is written to be read:
//!
//! | question | file |
//! |---|---|
//! | what follows from a failure | `failure` |
//! | when is the next attempt, and with which authority | `schedule` |
//! | how many requests does an authority get | `bucket` |
//! | what happens to one order | `order`, `proving` |
//! | what is kept, and how do replicas share it | `store`, `progress` |
//! | what do listeners answer to an authority | `challenge` |
//! | who does all that | `keeper` |
//!
//! Nothing here ends in a state that is not tried again: a failure is a time to wait, and whom to ask then. Time and chance are
//! arguments ([`Environment`]).

mod authority;
mod bucket;
mod certificate;
mod challenge;
mod client;
mod dns;
mod environment;
mod failure;
mod keeper;
mod observer;
mod order;
mod progress;
mod proving;
mod schedule;
mod store;

pub use authority::{Authority, Binding};
pub use certificate::{Certificate, Names};
pub use challenge::{Challenges, HTTP01_PATH, TLS_ALPN01_PROTOCOL};
pub use dns::DnsCommand;
pub use environment::{Chance, Clock, Environment};
pub use keeper::{Keeper, Settings};
pub use observer::{Observer, Status};
pub use proving::Method;
pub use schedule::Span;
pub use store::{Lock, Store};
