//! `envoy.service.ext_proc.v3`.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::structure::Struct;
use super::{HeaderMap, HeaderValueOption, HttpStatus};

/// What Envoy says.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ProcessingRequest {
    #[prost(oneof = "Part", tags = "2, 3, 4, 5, 6, 7")]
    pub(crate) part: Option<Part>,
    /// By the name of the filter.
    #[prost(btree_map = "string, message", tag = "9")]
    pub(crate) attributes: BTreeMap<String, Struct>,
    /// Nobody waits for an answer.
    #[prost(bool, tag = "10")]
    pub(crate) is_observed: bool,
    /// In the first message.
    #[prost(message, optional, tag = "11")]
    pub(crate) protocol: Option<ProtocolConfiguration>,
}

/// A part of an exchange.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Part {
    #[prost(message, tag = "2")]
    RequestHeaders(HttpHeaders),
    #[prost(message, tag = "3")]
    ResponseHeaders(HttpHeaders),
    #[prost(message, tag = "4")]
    RequestBody(HttpBody),
    #[prost(message, tag = "5")]
    ResponseBody(HttpBody),
    #[prost(message, tag = "6")]
    RequestTrailers(HttpTrailers),
    #[prost(message, tag = "7")]
    ResponseTrailers(HttpTrailers),
}

/// How bodies come ([`super::super::mode::BodyMode`]).
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct ProtocolConfiguration {
    #[prost(int32, tag = "1")]
    pub(crate) request_body: i32,
    #[prost(int32, tag = "2")]
    pub(crate) response_body: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HttpHeaders {
    #[prost(message, optional, tag = "1")]
    pub(crate) headers: Option<HeaderMap>,
    #[prost(bool, tag = "3")]
    pub(crate) ends: bool,
}

/// A piece of a body; what is said of it back has the same form.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HttpBody {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) body: Bytes,
    #[prost(bool, tag = "2")]
    pub(crate) ends: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HttpTrailers {
    #[prost(message, optional, tag = "1")]
    pub(crate) trailers: Option<HeaderMap>,
}

/// What Envoy is told.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ProcessingResponse {
    #[prost(oneof = "Reply", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub(crate) reply: Option<Reply>,
    #[prost(message, optional, tag = "8")]
    pub(crate) metadata: Option<Struct>,
    #[prost(message, optional, tag = "9")]
    pub(crate) mode: Option<ProcessingMode>,
}

/// What becomes of a part.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Reply {
    #[prost(message, tag = "1")]
    RequestHeaders(PartResponse),
    #[prost(message, tag = "2")]
    ResponseHeaders(PartResponse),
    #[prost(message, tag = "3")]
    RequestBody(PartResponse),
    #[prost(message, tag = "4")]
    ResponseBody(PartResponse),
    #[prost(message, tag = "5")]
    RequestTrailers(TrailersResponse),
    #[prost(message, tag = "6")]
    ResponseTrailers(TrailersResponse),
    #[prost(message, tag = "7")]
    Immediate(ImmediateResponse),
}

/// `HeadersResponse` and `BodyResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PartResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) response: Option<CommonResponse>,
}

/// A part goes on (`status` 0 is CONTINUE).
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CommonResponse {
    #[prost(message, optional, tag = "2")]
    pub(crate) headers: Option<HeaderMutation>,
    #[prost(message, optional, tag = "3")]
    pub(crate) body: Option<BodyMutation>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TrailersResponse {}

/// A piece that goes on where Envoy keeps none.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BodyMutation {
    #[prost(message, optional, tag = "3")]
    pub(crate) streamed: Option<HttpBody>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HeaderMutation {
    #[prost(message, repeated, tag = "1")]
    pub(crate) set: Vec<HeaderValueOption>,
}

/// The client is answered with this.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ImmediateResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) status: Option<HttpStatus>,
    #[prost(message, optional, tag = "2")]
    pub(crate) headers: Option<HeaderMutation>,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) body: Bytes,
    #[prost(message, optional, tag = "4")]
    pub(crate) grpc: Option<GrpcStatus>,
    /// For Envoy's access log.
    #[prost(string, tag = "5")]
    pub(crate) details: String,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct GrpcStatus {
    #[prost(uint32, tag = "1")]
    pub(crate) status: u32,
}

/// What comes of the rest: of headers and trailers 0 leaves it as it is and 2 leaves them out.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct ProcessingMode {
    #[prost(int32, tag = "2")]
    pub(crate) response_headers: i32,
    #[prost(int32, tag = "3")]
    pub(crate) request_body: i32,
    #[prost(int32, tag = "4")]
    pub(crate) response_body: i32,
    #[prost(int32, tag = "6")]
    pub(crate) response_trailers: i32,
}
