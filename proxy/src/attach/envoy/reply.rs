//! What Envoy is told.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use super::messages::processing::{
    BodyMutation, CommonResponse, GrpcStatus, HeaderMutation, HttpBody, ImmediateResponse, PartResponse,
    ProcessingMode, ProcessingResponse, Reply, TrailersResponse,
};
use super::messages::structure::Struct;
use super::messages::{APPEND, HeaderValueOption, HttpStatus, OVERWRITE};
use crate::attach::Refused;
use crate::page::grpc_status;

/// Which half of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Answer,
}

/// How a client stands with rate limits: the policy and the standing.
pub(super) type Rates = Option<(String, String)>;

/// A head goes on. `rates` are for the client.
pub(super) fn head(side: Side, rates: Rates) -> ProcessingResponse {
    let set = rate_fields(rates);
    let headers = (!set.is_empty()).then_some(HeaderMutation { set });
    let response = PartResponse { response: Some(CommonResponse { headers, body: None }) };
    of(match side {
        Side::Request => Reply::RequestHeaders(response),
        Side::Answer => Reply::ResponseHeaders(response),
    })
}

/// What Envoy has of a body goes on.
pub(super) fn body(side: Side) -> ProcessingResponse {
    part(side, CommonResponse::default())
}

/// This piece goes on, of which Envoy has nothing.
pub(super) fn piece(side: Side, body: Bytes, ends: bool) -> ProcessingResponse {
    let streamed = Some(HttpBody { body, ends });
    part(side, CommonResponse { headers: None, body: Some(BodyMutation { streamed }) })
}

fn part(side: Side, response: CommonResponse) -> ProcessingResponse {
    let response = PartResponse { response: Some(response) };
    of(match side {
        Side::Request => Reply::RequestBody(response),
        Side::Answer => Reply::ResponseBody(response),
    })
}

/// Trailers go on.
pub(super) fn trailers(side: Side) -> ProcessingResponse {
    of(match side {
        Side::Request => Reply::RequestTrailers(TrailersResponse {}),
        Side::Answer => Reply::ResponseTrailers(TrailersResponse {}),
    })
}

/// The client gets this instead.
pub(super) fn refusal(refused: Refused, rates: Rates, is_grpc: bool) -> ProcessingResponse {
    let mut set = Vec::new();
    let (mut body, mut grpc) = (refused.body, None);
    if is_grpc {
        // Envoy makes headers and trailers of it, as gRPC wants them.
        let (code, message) = grpc_status(refused.status);
        grpc = code.parse().ok().map(|status| GrpcStatus { status });
        body = Bytes::from_static(message.as_bytes());
    } else {
        set.extend(
            refused.headers.iter().map(|(name, value)| HeaderValueOption::new(name, value, OVERWRITE)),
        );
    }
    set.extend(rate_fields(rates));
    of(Reply::Immediate(ImmediateResponse {
        status: Some(HttpStatus { code: refused.status.into() }),
        headers: Some(HeaderMutation { set }),
        body,
        grpc,
        details: "portcullis_refused".to_owned(),
    }))
}

/// Nothing is known of the request, so that it must not pass.
pub(super) fn failure(why: &'static str) -> ProcessingResponse {
    of(Reply::Immediate(ImmediateResponse {
        status: Some(HttpStatus { code: 500 }),
        headers: None,
        body: Bytes::from_static(b"not inspected\n"),
        grpc: None,
        details: format!("portcullis_{}", why.replace('-', "_")),
    }))
}

/// Fields that are lists, beside those of the application.
pub(super) fn rate_fields(rates: Rates) -> Vec<HeaderValueOption> {
    let Some((policy, standing)) = rates else { return Vec::new() };
    let field = |name, value: String| {
        let value = HeaderValue::from_str(&value).ok()?;
        Some(HeaderValueOption::new(&HeaderName::from_static(name), &value, APPEND))
    };
    [field("ratelimit-policy", policy), field("ratelimit", standing)].into_iter().flatten().collect()
}

fn of(reply: Reply) -> ProcessingResponse {
    ProcessingResponse { reply: Some(reply), metadata: None, mode: None }
}

impl ProcessingResponse {
    /// With what is to be known of the request by others.
    pub(super) fn with(mut self, metadata: Option<Struct>) -> Self {
        self.metadata = metadata;
        self
    }

    /// From now on in this way.
    pub(super) fn in_mode(mut self, mode: Option<ProcessingMode>) -> Self {
        self.mode = mode;
        self
    }
}
