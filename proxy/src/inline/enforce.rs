//! What a client gets when its request goes no further.

use std::time::Duration;

use bytes::BytesMut;
use engine::Refusal;
use http::HeaderMap;
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use pingora::proxy::Session;
use tokio::time::timeout;

use super::entry;
use super::exchange::Exchange;
use crate::page::{Form, grpc_status};
use crate::wire::Gate;

/// Answers a refused request, as far as the client can still be answered.
pub(super) async fn refuse(session: &mut Session, exchange: &mut Exchange) -> pingora::Result<()> {
    match exchange.judging.refusal.clone() {
        Some(Refusal::Page { status }) => refusal_page(session, exchange, status, None).await,
        Some(Refusal::TooMany { retry_after_s }) => {
            refusal_page(session, exchange, 429, Some(retry_after_s)).await
        }
        Some(Refusal::Redirect { status, location }) => redirect(session, exchange, status, &location).await,
        Some(Refusal::Close) | None => {
            close(session).await;
            Ok(())
        }
    }
}

/// A page about a refusal: the policy's own for people, if it has one.
async fn refusal_page(
    session: &mut Session,
    exchange: &mut Exchange,
    status: u16,
    retry_after_s: Option<u64>,
) -> pingora::Result<()> {
    let own = exchange.judging.own_page().filter(|_| Form::of(session.req_header()) == Form::Html);
    send_page(session, exchange, Page { status, own, retry_after_s }).await
}

/// Judges and releases an answer that is over for Pingora though its end was not told: that of an HTTP/2 application which
/// ends its stream behind the last byte that Content-Length announces.
pub(super) async fn conclude(session: &mut Session, exchange: &mut Exchange) {
    let done = if exchange.judge_response_end() {
        exchange.release();
        session.as_downstream_mut().finish_body().await
    } else {
        refuse(session, exchange).await
    };
    if let Err(error) = done {
        tracing::debug!(%error, transaction = %exchange.judging.id, "client gone before its answer");
    }
}

/// Whether the client can still be answered: nothing of another answer reached it. Part of one may wait for it.
pub(super) fn reaches_client(session: &Session, exchange: &Exchange) -> bool {
    answerable(session) || exchange.gate.as_ref().is_some_and(Gate::withholds)
}

/// Answers with a page of that status in the form the client asked for.
pub(super) async fn page(session: &mut Session, exchange: &mut Exchange, status: u16) -> pingora::Result<()> {
    send_page(session, exchange, Page { status, own: None, retry_after_s: None }).await
}

/// Answers a request that is one too many.
pub(super) async fn shed(session: &mut Session, exchange: &mut Exchange) -> pingora::Result<()> {
    send_page(session, exchange, Page { status: 503, own: None, retry_after_s: Some(1) }).await
}

/// A page to answer with.
struct Page {
    status: u16,
    /// The policy's own.
    own: Option<String>,
    /// After how long the client may come again (seconds).
    retry_after_s: Option<u64>,
}

/// Tells the client how it stands with rate limits, where answers do.
pub(super) fn tell_rates(
    header: &mut ResponseHeader,
    fields: Option<(String, String)>,
) -> pingora::Result<()> {
    if let Some((policy, standing)) = fields {
        // An application may have limits of its own: both fields are lists.
        header.append_header("RateLimit-Policy", policy)?;
        header.append_header("RateLimit", standing)?;
    }
    Ok(())
}

async fn send_page(session: &mut Session, exchange: &mut Exchange, page: Page) -> pingora::Result<()> {
    let Page { status, own, retry_after_s } = page;
    if !reaches_client(session, exchange) {
        close(session).await;
        return Ok(());
    }
    let told = exchange.judging.rate_fields();
    exchange.answer_with(status);
    let form = Form::of(session.req_header());
    if form == Form::Grpc && answerable(session) {
        exchange.gate.iter().for_each(Gate::open);
        return grpc(session, status).await;
    }
    let body = own.map_or_else(|| form.render(status, &exchange.judging.id), Into::into);
    let mut header = ResponseHeader::build(status, Some(6))?;
    for (name, value) in form.headers() {
        header.insert_header(name, value)?;
    }
    header.insert_header(http::header::CONTENT_LENGTH, body.len())?;
    if let Some(seconds) = retry_after_s {
        header.insert_header(http::header::RETRY_AFTER, seconds)?;
    }
    tell_rates(&mut header, told)?;
    answer(session, exchange, header, body).await
}

/// Answers with a redirect.
pub(super) async fn redirect(
    session: &mut Session,
    exchange: &mut Exchange,
    status: u16,
    location: &str,
) -> pingora::Result<()> {
    if !reaches_client(session, exchange) {
        close(session).await;
        return Ok(());
    }
    exchange.answer_with(status);
    let mut header = ResponseHeader::build(status, Some(4))?;
    header.insert_header(http::header::LOCATION, location)?;
    header.insert_header(http::header::CONTENT_LENGTH, 0)?;
    header.insert_header(http::header::CACHE_CONTROL, "no-store")?;
    answer(session, exchange, header, bytes::Bytes::new()).await
}

/// Sends an answer of ours.
pub(super) async fn answer(
    session: &mut Session,
    exchange: &Exchange,
    mut header: ResponseHeader,
    body: bytes::Bytes,
) -> pingora::Result<()> {
    entry::secure(exchange, &mut header)?;
    if !answerable(session) {
        return answer_instead(session, exchange, header, &body).await;
    }
    // If Pingora wrote nothing, nothing waits but perhaps interim answers, which may go too.
    exchange.gate.iter().for_each(Gate::open);
    let body_done = session.is_body_done();
    if !body_done {
        // The rest of the body must not be taken for the next request.
        session.set_keepalive(None);
    }
    let bodiless = body.is_empty() || session.req_header().method == http::Method::HEAD;
    session.write_response_header(Box::new(header), bodiless).await?;
    if bodiless {
        session.as_downstream_mut().finish_body().await?;
    } else {
        session.write_response_body(Some(body), true).await?;
        if exchange.relayed {
            // The other half would take the answer for one that broke off.
            session.as_downstream_mut().finish_body().await?;
        }
    }
    if !body_done {
        linger(session.as_downstream_mut()).await;
    }
    Ok(())
}

/// Answers in place of what waits behind the gate, which Pingora takes to be sent; the connection is of no more use to it.
async fn answer_instead(
    session: &mut Session,
    exchange: &Exchange,
    mut header: ResponseHeader,
    body: &[u8],
) -> pingora::Result<()> {
    header.insert_header(http::header::CONNECTION, "close")?;
    let phrase = header.get_reason_phrase().unwrap_or_default();
    let mut bytes = BytesMut::from(format!("HTTP/1.1 {} {phrase}\r\n", header.status.as_u16()).as_bytes());
    header.header_to_h1_wire(&mut bytes);
    bytes.extend_from_slice(b"\r\n");
    if session.req_header().method != http::Method::HEAD {
        bytes.extend_from_slice(body);
    }
    exchange.gate.iter().for_each(|gate| gate.open_for(&bytes));
    close(session).await;
    Ok(())
}

/// A gRPC client looks for the status in trailers; it gets them without a body (gRPC over HTTP/2,
/// "Trailers-Only").
async fn grpc(session: &mut Session, status: u16) -> pingora::Result<()> {
    let (code, message) = grpc_status(status);
    let mut header = ResponseHeader::build(200, Some(4))?;
    header.insert_header(http::header::CONTENT_TYPE, Form::Grpc.content_type())?;
    if let ServerSession::H2(stream) = session.as_downstream_mut() {
        header.insert_header("grpc-status", code)?;
        header.insert_header("grpc-message", message)?;
        return stream.write_response_header(Box::new(header), true);
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static(code));
    trailers.insert("grpc-message", http::HeaderValue::from_static(message));
    session.write_response_header(Box::new(header), false).await?;
    session.as_downstream_mut().write_response_trailers(trailers).await
}

/// Ends the exchange so that the client cannot take what it has for a complete answer.
pub(super) async fn close(session: &mut Session) {
    session.set_keepalive(None);
    session.as_downstream_mut().shutdown().await;
}

/// Whether no final answer was begun. After a 100 (Continue) the client still waits for one; after a 101
/// it does not speak HTTP any more (RFC 9110 section 15.2).
pub(super) fn answerable(session: &Session) -> bool {
    session
        .response_written()
        .is_none_or(|header| header.status.is_informational() && header.status.as_u16() != 101)
}

/// Reads on for a while after an early answer: a connection closed under a client that is still sending
/// takes the answer with it (RFC 9112 section 9.6). That nothing more comes is said at once.
pub(crate) async fn linger(session: &mut ServerSession) {
    if let ServerSession::H1(downstream) = session {
        downstream.shutdown().await;
    }
    let drained = timeout(LINGER, async { while let Ok(Some(_)) = session.read_request_body().await {} });
    if drained.await.is_err() {
        tracing::debug!("client still sending after its answer");
    }
}

/// How long a refused client may go on sending.
const LINGER: Duration = Duration::from_secs(5);
