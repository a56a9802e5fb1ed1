//! Our own port of libinjection's SQL injection and cross-site scripting detectors.
