//! What a client gets when its request goes no further.

use std::time::Duration;

use engine::Refusal;
use http::HeaderMap;
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use pingora::proxy::Session;
use tokio::time::timeout;

use super::exchange::Exchange;
use super::page::{Form, grpc_status};

/// Answers a refused request, as far as the client can still be answered.
pub(super) async fn refuse(session: &mut Session, exchange: &mut Exchange) -> pingora::Result<()> {
    match exchange.refusal.clone() {
        Some(Refusal::Page { status }) => {
            let own = exchange.own_page().filter(|_| Form::of(session.req_header()) == Form::Html);
            send_page(session, exchange, status, own).await
        }
        Some(Refusal::Redirect { status, location }) => redirect(session, exchange, status, &location).await,
        Some(Refusal::Close) | None => {
            close(session).await;
            Ok(())
        }
    }
}

/// Answers with a page of that status in the form the client asked for.
pub(super) async fn page(session: &mut Session, exchange: &mut Exchange, status: u16) -> pingora::Result<()> {
    send_page(session, exchange, status, None).await
}

async fn send_page(
    session: &mut Session,
    exchange: &mut Exchange,
    status: u16,
    own: Option<String>,
) -> pingora::Result<()> {
    if !answerable(session) {
        close(session).await;
        return Ok(());
    }
    exchange.answer_with(status);
    let form = Form::of(session.req_header());
    if form == Form::Grpc {
        return grpc(session, status).await;
    }
    let body = own.map_or_else(|| form.render(status, &exchange.id), Into::into);
    let mut header = ResponseHeader::build(status, Some(6))?;
    header.insert_header(http::header::CONTENT_TYPE, form.content_type())?;
    header.insert_header(http::header::CONTENT_LENGTH, body.len())?;
    header.insert_header(http::header::CACHE_CONTROL, "no-store")?;
    header.insert_header("X-Content-Type-Options", "nosniff")?;
    answer(session, header, body).await
}

async fn redirect(
    session: &mut Session,
    exchange: &mut Exchange,
    status: u16,
    location: &str,
) -> pingora::Result<()> {
    if !answerable(session) {
        close(session).await;
        return Ok(());
    }
    exchange.answer_with(status);
    let mut header = ResponseHeader::build(status, Some(4))?;
    header.insert_header(http::header::LOCATION, location)?;
    header.insert_header(http::header::CONTENT_LENGTH, 0)?;
    header.insert_header(http::header::CACHE_CONTROL, "no-store")?;
    answer(session, header, bytes::Bytes::new()).await
}

async fn answer(session: &mut Session, header: ResponseHeader, body: bytes::Bytes) -> pingora::Result<()> {
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
    }
    if !body_done {
        linger(session).await;
    }
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
/// takes the answer with it (RFC 9112 section 9.6).
async fn linger(session: &mut Session) {
    let drained = timeout(LINGER, async {
        while let Ok(Some(_)) = session.as_downstream_mut().read_request_body().await {}
    });
    if drained.await.is_err() {
        tracing::debug!("client still sending after its answer");
    }
}

/// How long a refused client may go on sending.
const LINGER: Duration = Duration::from_secs(5);
