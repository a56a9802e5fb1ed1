//! Our own port of libinjection's SQL injection and cross-site scripting detectors.
//!
//! Both detectors are pure functions of the bytes they are given: no allocation per call, no
//! recursion, time linear in the input. They answer as the C library does at commit 85e252a; each
//! module lists what it does differently and which quirks it keeps on purpose.
//!
//! The word, fingerprint, tag, attribute and event tables are libinjection's (BSD-3-Clause).

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod inputs;
mod scan;

pub mod sqli;
pub mod xss;
