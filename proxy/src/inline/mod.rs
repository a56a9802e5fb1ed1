//! The inline proxy: Pingora's hooks, in the order a request meets them.
//!
//! | hook | does |
//! |---|---|
//! | `request_filter` | adapts the head, phase 1, and judges the body before the upstream sees anything |
//! | `upstream_peer` | a healthy server of the asset's upstream |
//! | `upstream_request_filter` | forwarded headers |
//! | `request_body_filter` | detect mode and gRPC: a copy is inspected while the body passes |
//! | `response_filter`, `response_body_filter` | phases 3 and 4 where nothing has to be withheld |
//! | `fail_to_proxy` | the one place where errors and late refusals become answers |
//! | `logging` | the decision record |
//!
//! What must be withheld (a long body, an early answer, a response body) goes through [`relay`].

mod adapt;
mod enforce;
mod exchange;
mod filter;
mod forwarded;
mod hold;
mod page;
mod relay;

pub(crate) use filter::Inline;
