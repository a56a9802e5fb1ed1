//! The messages of Envoy's services, as far as they are needed here. What is left out is passed over when it comes and is absent
//! when it goes, as protobuf has it.
//!
//! Names are ours; numbers and types are those of `envoy/service/ext_proc/v3`, `envoy/service/auth/v3`,
//! `envoy/config/core/v3`, `google/protobuf/struct.proto` and `google/rpc/status.proto`. Text that may be anything is `bytes`,
//! which is the same on the wire: a value that is no UTF-8 must be seen, not be refused.

pub(crate) mod auth;
pub(crate) mod processing;
pub(crate) mod structure;

use bytes::Bytes;

/// Headers, in the order of Envoy.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HeaderMap {
    #[prost(message, repeated, tag = "1")]
    pub(crate) headers: Vec<HeaderValue>,
}

/// One of them: `raw`, if that is there, or else `value`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HeaderValue {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) value: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) raw: Bytes,
}

/// A header that is to be set.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HeaderValueOption {
    #[prost(message, optional, tag = "1")]
    pub(crate) header: Option<HeaderValue>,
    /// What becomes of one that is there: [`OVERWRITE`] or [`APPEND`].
    #[prost(int32, tag = "3")]
    pub(crate) action: i32,
}

/// It gives way.
pub(crate) const OVERWRITE: i32 = 2;
/// Both stay.
pub(crate) const APPEND: i32 = 0;

/// A status of HTTP.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct HttpStatus {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
}

impl HeaderValue {
    /// Its value.
    pub(crate) fn bytes(&self) -> &Bytes {
        if self.raw.is_empty() { &self.value } else { &self.raw }
    }
}

impl HeaderValueOption {
    /// Sets a header.
    pub(crate) fn new(name: &http::HeaderName, value: &http::HeaderValue, action: i32) -> Self {
        let header = HeaderValue {
            key: Bytes::copy_from_slice(name.as_str().as_bytes()),
            value: Bytes::new(),
            raw: Bytes::copy_from_slice(value.as_bytes()),
        };
        Self { header: Some(header), action }
    }
}
