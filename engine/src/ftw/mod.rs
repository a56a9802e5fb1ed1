//! Regression tests of rule sets in go-ftw's YAML, run in process.
//!
//! The schema is that of <https://github.com/coreruleset/ftw-tests-schema>, version 2. What go-ftw does
//! over a socket is done here with bytes in memory: [`Input::to_bytes`] composes the request as go-ftw
//! would send it, [`WireRequest::parse`] reads it as a lenient server would, the answer of the back end
//! is made by [`reflect::answer`], and the log that go-ftw searches is written by [`log_lines`].

mod case;
mod log;
mod request;
mod run;
mod wire;

pub mod reflect;

/// How CRS's regression tests want engine and CRS set up, as SecLang; loaded before the rules.
pub const CRS_SETTINGS: &str = include_str!("crs-setup.conf");

pub use case::{Case, CaseId, FtwFile, Input, Log, Output, Stage};
pub use log::log_lines;
pub use run::{Observed, Runner};
pub use wire::WireRequest;
