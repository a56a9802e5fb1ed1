//! Pingora's hooks. Each calls what does its work; this file shows their order.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType};
use transaction::{Shortfall, SyntaxError};

use super::exchange::{Exchange, is_bodiless};
use super::hold::{Admission, Held, admit};
use super::{challenge, enforce, entry, fixed, relay};
use crate::page;
use crate::state::Shared;
use crate::wire::{self, PaceStage};

/// The inline proxy.
pub(crate) struct Inline {
    shared: Arc<Shared>,
}

impl Inline {
    /// A proxy over what is shared with reload and admin.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Everything before the upstream. `true` when the client was answered.
    async fn admit(&self, session: &mut Session, exchange: &mut Exchange) -> pingora::Result<bool> {
        if challenge::answer(session, &self.shared.shelf).await? {
            return Ok(true);
        }
        if !exchange.arrive(session) {
            enforce::shed(session, exchange).await?;
            return Ok(true);
        }
        exchange.begin(session);
        if is_grpc(session) {
            exchange.reach(PaceStage::Endless);
        }
        let stall_timeout = entry::stall_timeout(exchange);
        session.set_read_timeout(Some(stall_timeout));
        session.set_write_timeout(Some(stall_timeout));
        if exchange.upstream.is_none() && exchange.fixed.is_none() {
            let status = exchange.judging.syntax_error.map_or(404, SyntaxError::status);
            enforce::page(session, exchange, status).await?;
            return Ok(true);
        }
        if let Some(location) =
            entry::redirect(session, exchange).filter(|_| exchange.judging.syntax_error.is_none())
        {
            enforce::redirect(session, exchange, 308, &location).await?;
            return Ok(true);
        }
        exchange.judging.count_rates().await;
        exchange.judging.ask_lists().await;
        if !exchange.judging.judge_head() {
            enforce::refuse(session, exchange).await?;
            return Ok(true);
        }
        if let Some(status) = refusal_of_head(session, exchange) {
            refuse_head(session, exchange, status).await?;
            return Ok(true);
        }
        if let Some(answer) = exchange.fixed.take() {
            fixed::answer(session, exchange, &answer).await?;
            return Ok(true);
        }
        self.admit_body(session, exchange).await
    }

    async fn admit_body(&self, session: &mut Session, exchange: &mut Exchange) -> pingora::Result<bool> {
        let unread = session.is_body_empty() || !exchange.judging.plan.request_body;
        let admission = if unread {
            let whole = Admission::Whole { held: Held::default(), buffered: true };
            if exchange.judging.judge_end() { whole } else { Admission::Refused }
        } else if exchange.judging.plan.hold_bytes_max == 0 || is_grpc(session) {
            return Ok(false);
        } else {
            admit(session, exchange).await?
        };
        let held = match admission {
            Admission::Refused => {
                enforce::refuse(session, exchange).await?;
                return Ok(true);
            }
            Admission::Whole { buffered: true, .. }
                if !exchange.holds_response() || exchange.shuts_gate() || is_grpc(session) =>
            {
                return Ok(false);
            }
            Admission::Whole { held, .. } | Admission::Part(held) => held,
        };
        relay::relay(session, exchange, held).await?;
        Ok(true)
    }
}

#[async_trait]
impl ProxyHttp for Inline {
    type CTX = Box<Exchange>;

    fn new_ctx(&self) -> Self::CTX {
        let running = self.shared.running.load_full();
        Box::new(Exchange::new(self.shared.drain.enter(), running, self.shared.ids.next()))
    }

    fn on_connection_reuse(
        &self,
        _session: &mut Session,
        exchange: &mut Self::CTX,
        connection: Box<dyn Any + Send + Sync>,
    ) {
        // Called for the first request as well: this is what the connection was given (crate::wire).
        if let Some(shared) = connection.downcast_ref::<wire::Shared>() {
            exchange.raw = shared.seen.take();
            exchange.seen = Some(shared.seen.clone());
            exchange.gate = Some(shared.gate.clone());
        }
    }

    fn init_downstream_modules(&self, _modules: &mut pingora::modules::http::HttpModules) {
        // None: Pingora's compression module would alter responses.
    }

    fn allow_spawning_subrequest(&self, session: &Session, _exchange: &Self::CTX) -> bool {
        session.subrequest_ctx.is_none()
    }

    async fn request_filter(&self, session: &mut Session, exchange: &mut Self::CTX) -> pingora::Result<bool> {
        if let Some(upper) = relay::upper(session) {
            exchange.become_upper(*upper);
            return Ok(false);
        }
        if self.shared.drain.is_draining() {
            session.set_keepalive(None);
        }
        self.admit(session, exchange).await
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        exchange: &mut Self::CTX,
    ) -> pingora::Result<Box<HttpPeer>> {
        exchange.rewind();
        exchange.next_peer(session)
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        exchange: &mut Self::CTX,
    ) -> pingora::Result<()> {
        entry::introduce(request, exchange)?;
        let host = exchange.upstream.as_ref().and_then(|pool| exchange.tries.host(pool));
        if let Some(host) = host {
            request.insert_header(http::header::HOST, host)?;
        }
        if request.version == http::Version::HTTP_11 && has_unusual_body(session) {
            request.insert_header(http::header::CONNECTION, "close")?;
        }
        let Some(telling) = exchange.telling() else { return Ok(()) };
        let clients = exchange.listener().map(|settings| &settings.listener.clients);
        let known = exchange.judging.hops.known(&exchange.judging.id, clients);
        telling.tell(request, &known, |_| asked_host(session.req_header()))
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        exchange: &mut Self::CTX,
    ) -> pingora::Result<()> {
        exchange.advance(body.as_ref().map_or(0, Bytes::len));
        if exchange.relayed || exchange.judging.judged || session.was_upgraded() {
            return Ok(());
        }
        let clean = body.as_ref().is_none_or(|chunk| exchange.judge_chunk(chunk));
        if !clean || (end_of_stream && !exchange.judging.judge_end()) {
            return Err(refused());
        }
        if !end_of_stream && exchange.judging.plan.hold_bytes_max > 0 {
            exchange.judging.note(Shortfall::ReleasedEarly);
        }
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        header: &mut ResponseHeader,
        exchange: &mut Self::CTX,
    ) -> pingora::Result<()> {
        exchange.server_answers(session, header)
    }

    fn upstream_response_body_filter(
        &self,
        _session: &mut Session,
        _body: &mut Option<Bytes>,
        _end_of_stream: bool,
        exchange: &mut Self::CTX,
    ) -> pingora::Result<Option<Duration>> {
        exchange.keeps_time().map(|()| None)
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        header: &mut ResponseHeader,
        exchange: &mut Self::CTX,
    ) -> pingora::Result<()> {
        if exchange.relayed {
            return Ok(());
        }
        if !exchange.judge_response_head(session, header) {
            return Err(refused());
        }
        if is_complete(session, header) {
            if !exchange.judge_response_end() {
                return Err(refused());
            }
            exchange.finish_before_answer();
        }
        entry::secure(exchange, header)?;
        if !header.status.is_informational() {
            enforce::tell_rates(header, exchange.judging.rate_fields())?;
        }
        exchange.open_behind_head(header);
        Ok(())
    }

    fn response_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        exchange: &mut Self::CTX,
    ) -> pingora::Result<Option<Duration>> {
        if exchange.relayed {
            return Ok(None);
        }
        let clean = body.as_ref().is_none_or(|chunk| exchange.judge_response_chunk(chunk));
        if !clean || (end_of_stream && !exchange.judge_response_end()) {
            return Err(refused());
        }
        exchange.withhold(body, end_of_stream);
        if end_of_stream {
            exchange.finish_before_answer();
        }
        Ok(None)
    }

    async fn response_trailer_filter(
        &self,
        _session: &mut Session,
        _trailers: &mut HeaderMap,
        exchange: &mut Self::CTX,
    ) -> pingora::Result<Option<Bytes>> {
        // Pingora goes on whatever is said here; what is not released stays where it is (see `logging`).
        if exchange.relayed || exchange.judge_response_end() {
            Ok(exchange.release())
        } else {
            Err(refused())
        }
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _peer: &HttpPeer,
        exchange: &mut Self::CTX,
        mut error: Box<Error>,
    ) -> Box<Error> {
        let again = exchange.connect_failed(session, &error);
        error.set_retry(again);
        error
    }

    fn error_while_proxy(
        &self,
        peer: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        exchange: &mut Self::CTX,
        was_kept: bool,
    ) -> Box<Error> {
        let again = exchange.exchange_failed(session, &error, was_kept);
        let mut error = error.more_context(format!("server {}", peer._address));
        error.set_retry(again);
        error
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        exchange: &mut Self::CTX,
    ) -> FailToProxy {
        let answered = if exchange.judging.refusal.is_some() {
            enforce::refuse(session, exchange).await
        } else {
            self.fail(session, error, exchange).await
        };
        if let Err(error) = answered {
            tracing::debug!(%error, transaction = %exchange.judging.id, "client gone before its answer");
        }
        FailToProxy { error_code: exchange.status.unwrap_or(0), can_reuse_downstream: false }
    }

    fn suppress_error_log(&self, _session: &Session, exchange: &Self::CTX, error: &Error) -> bool {
        // `fail` says the others, and not each time.
        let is_said = status_of(error).is_some_and(|status| status >= 500);
        is_said || exchange.judging.refusal.is_some() || error.esource() == &ErrorSource::Downstream
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, exchange: &mut Self::CTX) {
        if exchange.relayed {
            return;
        }
        if error.is_none() && exchange.is_gated() {
            enforce::conclude(session, exchange).await;
        }
        let written = session.response_written().map(|header| header.status.as_u16());
        exchange.finish(exchange.status.or(written).unwrap_or(0));
    }
}

impl Inline {
    async fn fail(
        &self,
        session: &mut Session,
        error: &Error,
        exchange: &mut Exchange,
    ) -> pingora::Result<()> {
        let broken = exchange.notes_broken_body();
        let Some(status) = broken.then_some(400).or_else(|| status_of(error)) else { return Ok(()) };
        let upstream = exchange.upstream_name();
        let metrics = exchange.judging.running.reports.metrics();
        if status >= 500 {
            metrics.upstreams.unanswered(upstream, &exchange.judging.id, status, error);
        }
        // Failures of tries were counted as they happened.
        if error.etype() == &ErrorType::ConnectNoRoute && error.root_etype() == &ErrorType::ConnectNoRoute {
            metrics.upstream_error(upstream, "no-server");
        }
        session.set_keepalive(None);
        if enforce::reaches_client(session, exchange) {
            enforce::page(session, exchange, status).await
        } else {
            enforce::close(session).await;
            Ok(())
        }
    }
}

/// The status for a failed exchange; `None` when nobody is there to read it.
fn status_of(error: &Error) -> Option<u16> {
    use ErrorType::{
        ConnectTimedout, ConnectionClosed, HTTPStatus, ReadError, ReadTimedout, WriteError, WriteTimedout,
    };
    match (error.esource(), error.etype()) {
        (_, HTTPStatus(status)) => Some(*status),
        (ErrorSource::Upstream, ReadTimedout | WriteTimedout | ConnectTimedout) => Some(504),
        (ErrorSource::Upstream, _) => Some(502),
        (ErrorSource::Downstream, WriteError | ReadError | ConnectionClosed) => None,
        (ErrorSource::Downstream, ReadTimedout) => Some(408),
        (ErrorSource::Downstream, _) => Some(400),
        (ErrorSource::Internal | ErrorSource::Unset, _) => Some(500),
    }
}

/// The status for a head that no reverse proxy goes on with, in any mode.
fn refusal_of_head(session: &Session, exchange: &Exchange) -> Option<u16> {
    if let Some(error) = exchange.judging.syntax_error {
        return Some(error.status());
    }
    if entry::is_too_large(exchange) {
        return Some(431);
    }
    // Who asks for a tunnel takes us for another kind of proxy (RFC 9110, section 9.3.6).
    (session.req_header().method == http::Method::CONNECT).then_some(405)
}

/// The host that the client asked for.
fn asked_host(asked: &RequestHeader) -> Option<HeaderValue> {
    let authority = || HeaderValue::from_str(asked.uri.authority()?.as_str()).ok();
    asked.headers.get(http::header::HOST).cloned().or_else(authority)
}

/// Whether a request has a body that its method gives no meaning to. There are applications that do not read such a body, and
/// then take it for the next request on the connection (RFC 9110, section 9.3.1), so nobody else may get that connection.
fn has_unusual_body(session: &mut Session) -> bool {
    use http::Method;
    let method = &session.req_header().method;
    [Method::GET, Method::HEAD, Method::DELETE, Method::TRACE].contains(method) && !session.is_body_empty()
}

/// Answers such a head, once rules saw as much of it as there is without a body.
async fn refuse_head(session: &mut Session, exchange: &mut Exchange, status: u16) -> pingora::Result<()> {
    session.set_keepalive(None);
    if exchange.judging.judge_end() {
        enforce::page(session, exchange, status).await
    } else {
        enforce::refuse(session, exchange).await
    }
}

/// Whether a client takes this head for the whole answer (RFC 9112, section 6.3).
fn is_complete(session: &Session, header: &ResponseHeader) -> bool {
    let is_empty = header.headers.get(http::header::CONTENT_LENGTH).is_some_and(|length| length == "0");
    !header.status.is_informational() && (is_empty || is_bodiless(session, header))
}

/// Whether both directions may have to flow at once, which a relay does not do. What the client says of it is not
/// to be relied on: an answer that turns out to be an ordinary one is kept back all the same ([`Exchange::withhold`]).
fn is_grpc(session: &Session) -> bool {
    let kind = session.req_header().headers.get(http::header::CONTENT_TYPE);
    kind.is_some_and(|kind| page::is_grpc(kind.as_bytes()))
}

fn refused() -> Box<Error> {
    Error::explain(ErrorType::HTTPStatus(403), "refused")
}
