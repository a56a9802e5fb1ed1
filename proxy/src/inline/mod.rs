//! The inline proxy: Pingora's hooks, in the order a request meets them.
//!
//! | hook | does |
//! |---|---|
//! | `request_filter` | adapts the head, phase 1, and judges the body before the upstream sees anything |
//! | `upstream_peer` | a server of the asset's upstream |
//! | `fail_to_connect`, `error_while_proxy`, `upstream_response_filter` | whether another is tried |
//! | `upstream_request_filter` | Host and forwarded headers |
//! | `request_body_filter` | detect mode and gRPC: a copy is inspected while the body passes |
//! | `response_filter`, `response_body_filter` | phases 3 and 4, unless a relay does it |
//! | `fail_to_proxy` | the one place where errors and late refusals become answers |
//! | `logging` | the decision record |
//!
//! What must be withheld of a request (a long body), and of an answer to one that is still being read, goes through
//! [`relay`]. An answer alone waits behind the gate of the client's connection ([`crate::wire`]), or, as HTTP/2 has none, in a relay
//! too.

mod adapt;
mod challenge;
mod enforce;
mod entry;
mod exchange;
mod filter;
mod fixed;
mod forwarded;
mod hold;
mod hops;
mod relay;
mod tries;

pub(crate) use adapt::{connection, request_head};
pub(crate) use enforce::linger;
pub(crate) use exchange::is_stream;
pub(crate) use filter::Inline;
pub(crate) use forwarded::Telling;
pub(crate) use hold::invite;
pub(crate) use hops::Hops;
