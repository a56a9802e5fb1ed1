//! Requests of which a part has to be withheld from the application, and on HTTP/2 those whose answer is withheld.
//!
//! Pingora's own loop sends the request head as soon as the upstream is connected and passes an answer on
//! the moment it comes; a filter can neither delay a response head nor send a body that was read before. (Where the
//! request is here whole and the client speaks HTTP/1, a gate on its connection does: [`crate::wire`].)
//! So such a request is sent upstream as a Pingora subrequest, and this file stands between the two
//! sessions with both directions in its hands:
//!
//! * request bytes wait in a queue of at most `hold_bytes_max`; once more came, the oldest go on, each of
//!   them judged with everything before it. The last `hold_bytes_max` leave only with a clean verdict, so
//!   an attack at the end of a long body never reaches the application, which sees its request break off;
//! * an answer that comes before the verdict is withheld up to the same limit. Beyond it, the application
//!   streams while it reads and would stop if nobody took its bytes: then they are let go.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use pingora::protocols::http::HttpTask;
use pingora::protocols::http::subrequest::server::SubrequestHandle;
use pingora::proxy::Session;
use pingora::proxy::subrequest::{BodyMode, Ctx};
use pingora::{Error, ErrorType};
use tokio::task::JoinHandle;
use transaction::Shortfall;

use super::enforce;
use super::entry;
use super::exchange::Exchange;
use super::hold::Held;
use super::hops::Hops;
use crate::listen::Client;
use crate::state::Running;
use crate::upstream::Pool;

/// What the upstream half of a relayed request has to know.
pub(super) struct Upper {
    pub(super) running: Arc<Running>,
    pub(super) upstream: Option<Arc<Pool>>,
    pub(super) id: String,
    pub(super) client: Option<Arc<Client>>,
    pub(super) hops: Hops,
}

/// The upstream half's knowledge, if this session is one.
pub(super) fn upper(session: &mut Session) -> Option<Box<Upper>> {
    let context = session.subrequest_ctx.as_mut()?.user_ctx_mut()?;
    let upper = context.downcast_mut::<Upper>()?;
    Some(Box::new(Upper {
        running: Arc::clone(&upper.running),
        upstream: upper.upstream.take(),
        id: std::mem::take(&mut upper.id),
        client: upper.client.take(),
        hops: upper.hops,
    }))
}

/// How a relayed request ended.
enum End {
    /// The client has its answer.
    Answered,
    /// The transaction was refused.
    Refused,
    /// The upstream's answer broke off.
    Broken,
}

/// Sends a request upstream and its answer back, each as far as it is cleared.
pub(super) async fn relay(session: &mut Session, exchange: &mut Exchange, held: Held) -> pingora::Result<()> {
    let (task, handle) = spawn(session, exchange)?;
    let mut relay = Relay::new(handle, held, exchange);
    let end = relay.run(session, exchange).await;
    if !matches!(end, Ok(End::Answered)) {
        // The upstream half must be gone before the channel closes: it would take a closed channel for the
        // end of a chunked body, and send the application a cut request as if it were whole.
        task.abort();
        let _ = task.await;
    }
    match end? {
        End::Answered => Ok(()),
        End::Refused => enforce::refuse(session, exchange).await,
        End::Broken if enforce::answerable(session) => enforce::page(session, exchange, 502).await,
        End::Broken => Error::e_explain(ErrorType::ConnectionClosed, "the upstream's answer broke off"),
    }
}

fn spawn(session: &mut Session, exchange: &Exchange) -> pingora::Result<(JoinHandle<()>, SubrequestHandle)> {
    frame_as_http1(session)?;
    let upper = Upper {
        running: Arc::clone(&exchange.judging.running),
        upstream: exchange.upstream.clone(),
        id: exchange.judging.id.clone(),
        client: exchange.client.clone(),
        hops: exchange.judging.hops,
    };
    // The other mode would take Content-Length and Content-Type from the head.
    let context = Ctx::builder().user_ctx(Box::new(upper)).body_mode(BodyMode::ExpectBody).build();
    let Some(spawner) = session.subrequest_spawner.take() else {
        return Error::e_explain(ErrorType::InternalError, "no subrequest spawner");
    };
    let (prepared, handle) = spawner.create_subrequest(session.as_downstream(), context);
    Ok((tokio::spawn(prepared.run()), handle))
}

/// A subrequest is made from the text of an HTTP/1.1 head, where a body without a length must be chunked
/// and the authority is the Host header.
fn frame_as_http1(session: &mut Session) -> pingora::Result<()> {
    if session.as_http2().is_none() {
        return Ok(());
    }
    let has_body = !session.is_body_empty();
    let request = session.req_header_mut();
    if has_body && !request.headers.contains_key(http::header::CONTENT_LENGTH) {
        request.insert_header(http::header::TRANSFER_ENCODING, "chunked")?;
    }
    if let Some(authority) = request.uri.authority().cloned()
        && !request.headers.contains_key(http::header::HOST)
    {
        request.insert_header(http::header::HOST, authority.as_str())?;
    }
    request.set_version(http::Version::HTTP_11);
    Ok(())
}

/// The state between the two sessions.
struct Relay {
    handle: SubrequestHandle,
    hold_bytes_max: usize,
    response_hold_bytes_max: usize,
    /// Request bytes not sent on yet.
    queue: Held,
    /// Whether the client sent all of its body.
    received: bool,
    /// Whether the upstream got all of it, or wants no more.
    sent: bool,
    /// The answer as far as it is withheld.
    answer: Answer,
}

#[derive(Default)]
struct Answer {
    withheld: Vec<HttpTask>,
    bytes: usize,
    /// Whether the upstream sent all of it.
    complete: bool,
    /// Whether parts were given to the client.
    begun: bool,
    /// Whether a final head came.
    headed: bool,
}

impl Relay {
    fn new(handle: SubrequestHandle, queue: Held, exchange: &mut Exchange) -> Self {
        Self {
            handle,
            hold_bytes_max: exchange.judging.plan.hold_bytes_max,
            response_hold_bytes_max: exchange.response_hold_bytes_max(),
            queue,
            received: false,
            sent: false,
            answer: Answer::default(),
        }
    }

    async fn run(&mut self, session: &mut Session, exchange: &mut Exchange) -> pingora::Result<End> {
        self.received = session.is_body_done();
        let upper = self.handle.tx.clone();
        loop {
            if self.answer.complete && self.received {
                return self.conclude(session, exchange).await;
            }
            let sends = self.sends(exchange);
            let reads = self.received || self.sent || !self.overflows();
            let hears = !self.answer.complete;
            let flow = tokio::select! {
                permit = upper.reserve(), if sends => match permit {
                    Ok(permit) => {
                        let chunk = self.queue.pop();
                        let last = self.received && self.queue.is_empty();
                        self.sent = last;
                        permit.send(HttpTask::Body(chunk, last));
                        ControlFlow::Continue(())
                    }
                    Err(_) => {
                        // The upstream answered without reading on; the client's bytes are judged still.
                        self.sent = true;
                        self.queue = Held::default();
                        ControlFlow::Continue(())
                    }
                },
                chunk = session.downstream_session.read_body_or_idle(self.received), if reads => {
                    let chunk = chunk.map_err(Error::into_down)?;
                    self.on_chunk(exchange, chunk, session.is_body_done())
                }
                task = self.handle.rx.recv(), if hears => self.on_answer(session, exchange, task).await?,
            };
            if let ControlFlow::Break(end) = flow {
                return Ok(end);
            }
        }
    }

    /// Whether the upstream may have the next chunk, or the end of the body.
    fn sends(&mut self, exchange: &mut Exchange) -> bool {
        if self.sent {
            return false;
        }
        if exchange.judging.judged {
            return true;
        }
        if !self.overflows() {
            return false;
        }
        exchange.judging.note(Shortfall::ReleasedEarly);
        true
    }

    /// Whether as much is held as may be, without the oldest chunk.
    fn overflows(&self) -> bool {
        !self.queue.is_empty() && self.queue.bytes() - self.queue.first_bytes() >= self.hold_bytes_max
    }

    /// Takes what the client sent. A body of known length ends with its last chunk, and the session would
    /// wait in vain for another.
    fn on_chunk(&mut self, exchange: &mut Exchange, chunk: Option<Bytes>, last: bool) -> ControlFlow<End> {
        self.received = last || chunk.is_none();
        let clean = chunk.as_ref().is_none_or(|chunk| exchange.judge_chunk(chunk));
        if let Some(chunk) = chunk.filter(|_| !self.sent) {
            self.queue.push(chunk);
            exchange.judging.running.reports.metrics().held(self.queue.bytes());
        }
        let clean = clean && (!self.received || exchange.judging.judge_end());
        if clean { ControlFlow::Continue(()) } else { ControlFlow::Break(End::Refused) }
    }

    async fn on_answer(
        &mut self,
        session: &mut Session,
        exchange: &mut Exchange,
        task: Option<HttpTask>,
    ) -> pingora::Result<ControlFlow<End>> {
        let Some(task) = task else { return Ok(self.on_answer_end()) };
        match &task {
            // The client got its 100 (Continue) from us, and others before the verdict would begin an answer.
            HttpTask::Header(header, _) if header.status.is_informational() => {
                return Ok(ControlFlow::Continue(()));
            }
            HttpTask::Header(..) => self.answer.headed = true,
            HttpTask::Body(Some(bytes), _) => self.answer.bytes += bytes.len(),
            HttpTask::Failed(_) => return Ok(ControlFlow::Break(End::Broken)),
            _ => {}
        }
        self.answer.complete = task.is_end();
        self.answer.withheld.push(task);
        if self.withholds(exchange) {
            Ok(ControlFlow::Continue(()))
        } else {
            self.give(session, exchange).await
        }
    }

    /// The upstream half is gone: all is well if its answer was complete.
    fn on_answer_end(&mut self) -> ControlFlow<End> {
        if self.answer.complete { ControlFlow::Continue(()) } else { ControlFlow::Break(End::Broken) }
    }

    /// Whether the answer waits: for the request's verdict, or for its own.
    fn withholds(&self, exchange: &Exchange) -> bool {
        let open = self.answer.bytes <= self.response_hold_bytes_max && !self.answer.begun;
        open && (!exchange.judging.judged || (self.waits_for_itself(exchange) && !self.answer.complete))
    }

    fn waits_for_itself(&self, exchange: &Exchange) -> bool {
        exchange.holds_response() && self.answer.withheld.iter().any(is_inspectable)
    }

    /// Judges what is withheld and gives it to the client.
    async fn give(
        &mut self,
        session: &mut Session,
        exchange: &mut Exchange,
    ) -> pingora::Result<ControlFlow<End>> {
        let mut tasks = std::mem::take(&mut self.answer.withheld);
        self.answer.bytes = 0;
        for task in &mut tasks {
            if !judge_task(session, exchange, task) {
                return Ok(ControlFlow::Break(End::Refused));
            }
            if let HttpTask::Header(header, _) = task {
                entry::secure(exchange, header)?;
            }
        }
        self.answer.begun = true;
        if self.answer.complete && self.received {
            exchange.finish_before_answer();
        }
        if !tasks.is_empty() {
            session.write_response_tasks(tasks).await?;
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn conclude(&mut self, session: &mut Session, exchange: &mut Exchange) -> pingora::Result<End> {
        if let ControlFlow::Break(end) = self.give(session, exchange).await? {
            return Ok(end);
        }
        session.as_downstream_mut().finish_body().await?;
        Ok(End::Answered)
    }
}

/// Shows one part of the answer to the engine. `false` when the transaction is refused.
fn judge_task(session: &Session, exchange: &mut Exchange, task: &HttpTask) -> bool {
    let clean = match task {
        HttpTask::Header(header, _) => exchange.judge_response_head(session, header),
        HttpTask::Body(Some(bytes), _) => exchange.judge_response_chunk(bytes),
        _ => true,
    };
    clean && (!task.is_end() || exchange.judge_response_end())
}

/// Whether this head announces a body worth waiting for: not events and not gRPC, which never end.
fn is_inspectable(task: &HttpTask) -> bool {
    let HttpTask::Header(header, _) = task else { return false };
    let kind = header.headers.get(http::header::CONTENT_TYPE).map_or(&b""[..], http::HeaderValue::as_bytes);
    !super::exchange::is_stream(kind)
}
