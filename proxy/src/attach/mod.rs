//! Attachments: requests that somebody else serves, and asks about.
//!
//! What the fronts share is [`Asked`], one request seen from outside: its head, then its body in pieces, as far as either
//! comes, and at the end a [`Conclusion`], written down before anybody is told. It is judged by what judges a request of the
//! inline proxy ([`crate::judging`]), so the same bytes get the same verdict. A front translates, and nothing else: what its
//! gateway says becomes [`Told`], a conclusion becomes what the gateway understands.
//!
//! - No front knows the mode. What is to be refused is a [`Refused`]; in detect mode there is none.
//! - What a gateway keeps to itself is noted (`body-unseen`), and so is what does not come (`body-cut`); the policy says what
//!   becomes of that.

mod asked;
pub(crate) mod envoy;
pub(crate) mod inspect;
mod refused;
pub(crate) mod spoe;

pub(crate) use asked::{Asked, Body, Conclusion, Pieces, Told};
pub(crate) use envoy::Examiner;
pub(crate) use inspect::Inspector;
pub(crate) use refused::Refused;
pub(crate) use spoe::Agent as SpoeAgent;
