//! Content-Encoding.
