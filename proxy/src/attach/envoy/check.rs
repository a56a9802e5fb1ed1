//! One request for `ext_authz`: all that is shown of it comes at once.

use std::net::SocketAddr;

use bytes::Bytes;
use tokio::time::timeout;
use tonic::{Code, Streaming};
use transaction::{RequestHead, Shortfall};

use super::head::{self, Ends, Unreadable};
use super::messages::auth::{
    Attributes, CheckRequest, CheckResponse, Denied, HttpRequest, Passed, Peer, Status,
};
use super::messages::{HeaderMap, HeaderValue, HeaderValueOption, HttpStatus, OVERWRITE};
use super::{Asker, CHECKING, metadata, reply};
use crate::attach::asked::{not_understood, turned_away};
use crate::attach::{Asked, Body, Told};
use crate::page::{Form, grpc_status};

/// Whether the request that is shown may pass. Who sends it has a part in whether it can be read, as it does not where it is too long: so
/// it is refused then, and is no failure that `failure_mode_allow` is for.
pub(super) async fn run(
    asker: &Asker,
    mut incoming: Streaming<CheckRequest>,
) -> Result<CheckResponse, tonic::Status> {
    let malformed = || turned_away(&asker.shared, CHECKING, "malformed");
    match timeout(asker.envoy.listener.limits.stall_timeout, incoming.message()).await {
        Ok(Ok(Some(asked))) => Ok(check(asker, asked).await),
        Ok(Err(error)) => {
            malformed();
            Ok(not_inspected(if error.code() == Code::OutOfRange { 413 } else { 500 }))
        }
        Ok(Ok(None)) => {
            malformed();
            Err(tonic::Status::invalid_argument("nothing is asked"))
        }
        Err(_) => {
            malformed();
            Err(tonic::Status::deadline_exceeded("the question does not come"))
        }
    }
}

async fn check(asker: &Asker, asked: CheckRequest) -> CheckResponse {
    match Shown::of(asker, asked) {
        Ok(shown) => shown.judge(asker).await,
        Err(error) => {
            not_understood(&asker.shared, CHECKING, &error);
            not_inspected(500)
        }
    }
}

fn not_inspected(code: i32) -> CheckResponse {
    let body = Bytes::from_static(b"not inspected\n");
    denied(Denied { status: Some(HttpStatus { code }), headers: Vec::new(), body })
}

/// What Envoy shows.
struct Shown {
    told: Told,
    body: Bytes,
    /// How much of the body is left out, if any is and if that is known (bytes).
    cut: Option<Option<u64>>,
    is_grpc: bool,
}

impl Shown {
    fn of(asker: &Asker, asked: CheckRequest) -> Result<Self, Unreadable> {
        let Attributes { source, destination, request } =
            asked.attributes.ok_or(Unreadable::Missing("attributes"))?;
        let http = request.and_then(|it| it.http).ok_or(Unreadable::Missing("the request"))?;
        let body = if http.raw_body.is_empty() { http.body.clone() } else { http.raw_body.clone() };
        let is_partial = says_partial(&http);
        let most = asker.envoy.listener.limits.head_bytes_max;
        let protocol = http.protocol.clone();
        let head = head::request(&headers(http), Some(&protocol), most)?;
        let ends = Ends { source: address(source), destination: address(destination) };
        let (hops, connection) = ends.who(&asker.envoy, asker.address, &head.headers)?;
        let length = head.headers.first(b"content-length");
        let length: Option<u64> = length.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        let missing =
            length.and_then(|length| length.checked_sub(body.len() as u64)).filter(|bytes| *bytes > 0);
        let is_kept = !asker.envoy.bodies && body.is_empty() && should_have_body(&head);
        let cut = (!is_kept && (is_partial || missing.is_some())).then_some(missing);
        let is_grpc =
            Form::suiting(head.headers.first(b"content-type").unwrap_or_default(), b"") == Form::Grpc;
        let kind = if is_kept { Body::Kept(length) } else { Body::Comes };
        Ok(Self { told: Told { head, connection, hops, body: kind }, body, cut, is_grpc })
    }

    async fn judge(self, asker: &Asker) -> CheckResponse {
        let mut asked = Asked::new(&asker.shared, CHECKING);
        if asked.head(self.told).await {
            asked.piece(&self.body);
        }
        if let Some(bytes) = self.cut {
            asked.miss(Shortfall::BodyCut, bytes);
        }
        let told = asked.conclusion();
        let told = metadata::of(&mut asked, &told);
        let conclusion = asked.conclude(|refused| refused.status);
        let rates = reply::rate_fields(conclusion.rates);
        let answer = match conclusion.refused {
            None => CheckResponse {
                status: Some(Status { code: OK }),
                ok: Some(Passed { response_headers: rates }),
                ..CheckResponse::default()
            },
            Some(refused) => {
                let fields = refused.headers.iter();
                let mut headers: Vec<_> =
                    fields.map(|(name, value)| HeaderValueOption::new(name, value, OVERWRITE)).collect();
                let mut body = refused.body;
                if self.is_grpc {
                    // Envoy makes headers and trailers of it, as gRPC wants them.
                    headers.clear();
                    body = Bytes::from_static(grpc_status(refused.status).1.as_bytes());
                }
                headers.extend(rates);
                denied(Denied { status: Some(HttpStatus { code: refused.status.into() }), headers, body })
            }
        };
        CheckResponse { metadata: Some(told), ..answer }
    }
}

fn denied(denied: Denied) -> CheckResponse {
    CheckResponse {
        status: Some(Status { code: PERMISSION_DENIED }),
        denied: Some(denied),
        ..CheckResponse::default()
    }
}

/// All headers in one form, with what else Envoy says of the head; what it says of the body is no header of the client's.
fn headers(http: HttpRequest) -> HeaderMap {
    let header =
        |key: &[u8], value: Bytes| HeaderValue { key: Bytes::copy_from_slice(key), value, raw: Bytes::new() };
    let mut all =
        vec![header(b":method", http.method), header(b":path", http.path), header(b":authority", http.host)];
    let mut push = |key: &[u8], value: Bytes| {
        if !key.starts_with(b":") && key != PARTIAL {
            all.push(header(key, value));
        }
    };
    match http.raw_headers {
        Some(raw) => raw.headers.iter().for_each(|it| push(&it.key, it.bytes().clone())),
        None => http.headers.into_iter().for_each(|(key, value)| push(key.as_bytes(), value.into())),
    }
    HeaderMap { headers: all }
}

/// Whether Envoy says that the body is longer than what is there.
fn says_partial(http: &HttpRequest) -> bool {
    let raw = http.raw_headers.iter().flat_map(|raw| &raw.headers);
    let mut raw = raw.filter(|it| it.key == PARTIAL).map(|it| &it.bytes()[..]);
    raw.any(|value| value == b"true")
        || http.headers.get("x-envoy-auth-partial-body").is_some_and(|value| value == b"true")
}

/// Whether a request should have a body, as far as can be told without it.
fn should_have_body(head: &RequestHead) -> bool {
    let usually_none = [&b"GET"[..], b"HEAD", b"OPTIONS", b"TRACE"].contains(&&head.method[..]);
    let says_so =
        [&b"content-type"[..], b"transfer-encoding"].iter().any(|name| head.headers.first(name).is_some());
    let length = head.headers.first(b"content-length");
    (!usually_none && length != Some(b"0")) || says_so || length.is_some_and(|length| length != b"0")
}

fn address(peer: Option<Peer>) -> Option<SocketAddr> {
    let socket = peer?.address?.socket?;
    Some(SocketAddr::new(socket.address.parse().ok()?, socket.port.try_into().ok()?))
}

/// What Envoy sets in front of all others, if it sends bodies.
const PARTIAL: &[u8] = b"x-envoy-auth-partial-body";
/// Codes of gRPC.
const OK: i32 = 0;
const PERMISSION_DENIED: i32 = 7;
