//! The inspect endpoint: a gateway asks over HTTP about each request, and gets a 200 or what its client is to get instead.
//!
//! | step | file |
//! |---|---|
//! | who asks, and whether they may | here |
//! | what the request was | [`dialect`], [`native`] |
//! | what was answered to it, where that is shown as well | [`response`] |
//! | what is thought of it | [`super::Asked`] |
//! | how that gateway is told | [`answer`] |
//!
//! What a gateway says of a request is believed, as nobody else can say it. So each dialect takes exactly the headers that
//! its gateway sets on every request, whatever the client sent: one that is missing, or is there twice, is an error and never
//! a reason to look elsewhere.

mod answer;
mod dialect;
mod native;
mod response;
mod source;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use engine::config::{Dialect, Inspect};
use pingora::apps::{HttpPersistentSettings, HttpServerApp, ReusedHttpStream};
use pingora::protocols::http::ServerSession;
use pingora::server::ShutdownWatch;
use tokio::sync::Notify;
use transaction::{RequestHead, Shortfall};

use super::{Asked, Body, Told, asked};
use crate::inline::{self, connection, invite, request_head};
use crate::listen::{Front, Visit};
use crate::state::Shared;
use crate::token;
use crate::wire::{self, Kept, PaceStage, Raw};
use answer::Answer;
use dialect::Unreadable;
use response::{Waiting, waiting};
use source::Incoming;

/// Answers gateways.
pub(crate) struct Inspector {
    shared: Arc<Shared>,
    is_closing: AtomicBool,
    closing: Notify,
}

impl Inspector {
    /// Judges with what is shared with reload and admin.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, is_closing: AtomicBool::new(false), closing: Notify::new() }
    }

    async fn closing(&self) {
        let told = self.closing.notified();
        if !self.is_closing.load(Ordering::Acquire) {
            told.await;
        }
    }

    async fn answer(&self, session: &mut ServerSession, shared: Option<&wire::Shared>) -> Answer {
        let raw = shared.and_then(|shared| shared.seen.take());
        let kept = shared.map(|shared| &shared.kept);
        let visit = Visit::of(session.digest()).cloned();
        let Some((visit, inspect)) = visit.and_then(|visit| {
            let Front::Inspect(inspect) = &visit.client.listener.front else { return None };
            let inspect = Arc::clone(inspect);
            Some((visit, inspect))
        }) else {
            return Answer::closing(500, "no endpoint\n");
        };
        visit.pace.reach(PaceStage::Body);
        session.set_read_timeout(Some(inspect.listener.limits.stall_timeout));
        session.set_write_timeout(Some(inspect.listener.limits.stall_timeout));
        let name = inspect.dialect.as_str();
        let turned_away = |why, status, text| {
            asked::turned_away(&self.shared, name, why);
            Answer::closing(status, text)
        };
        if let Some(Raw::Head(_, error)) = raw.as_deref() {
            self.shared.running.load().reports.metrics().malformed(error.as_str());
            return turned_away("malformed", 400, "malformed\n");
        }
        let head = request_head(session, raw.as_deref());
        if !may_ask(session, &inspect, &head) {
            return turned_away("unauthorized", 403, "not a gateway of this endpoint\n");
        }
        let Some(_turn) = visit.client.turn() else {
            asked::turned_away(&self.shared, name, "shed");
            return Answer::shed();
        };
        if invite(session).await.is_err() {
            return turned_away("malformed", 400, "gone\n");
        }
        let judged = match response::about(&inspect, &head) {
            Some(id) => response::judge(session, &inspect, &visit, waiting(kept, id)).await,
            None => self.judge(session, &inspect, head, &visit, kept).await,
        };
        let answer = judged.unwrap_or_else(|error| {
            asked::not_understood(&self.shared, name, &error);
            Answer::closing(500, error.text())
        });
        visit.pace.reach(PaceStage::Answer);
        answer
    }

    async fn judge(
        &self,
        session: &mut ServerSession,
        inspect: &Inspect,
        arrived: RequestHead,
        visit: &Visit,
        kept: Option<&Kept>,
    ) -> Result<Answer, Unreadable> {
        // Of an answer that was to be shown, nothing comes any more.
        drop(kept.and_then(Kept::take::<Waiting>));
        let (hops, connection) = connection(session, Some(&inspect.listener.clients), &arrived.headers);
        let is_bodiless = session.is_body_empty();
        let mut incoming = Incoming::new(session, visit);
        let mut asked = Asked::new(&self.shared, inspect.dialect.as_str());
        let (head, body, cut) = if inspect.dialect == Dialect::Native {
            dialect::once(&arrived.headers, b"x-portcullis-client")?;
            self.count_missed(&arrived);
            let (body, cut) = native::body(&arrived.headers)?;
            (native::head(&mut incoming, inspect).await?, body, cut)
        } else {
            let read = dialect::read(inspect, &arrived)?;
            let is_kept = is_bodiless && !inspect.bodies && read.should_have_body;
            (read.head, if is_kept { Body::Kept(read.body_bytes) } else { Body::Comes }, read.cut)
        };
        let clean = asked.head(Told { head, connection, hops, body }).await;
        if clean && !is_bodiless {
            asked.body(&mut incoming, inspect.body_timeout).await;
        }
        if let Some(bytes) = cut {
            asked.miss(Shortfall::BodyCut, bytes);
        }
        if let Some(kept) =
            kept.filter(|_| inspect.dialect == Dialect::Native && native::shows_response(&arrived.headers))
        {
            return Ok(response::await_it(asked, kept));
        }
        let conclusion = asked.conclude(|refused| answer::told_status(inspect.dialect, refused));
        Ok(Answer::of(inspect.dialect, conclusion))
    }

    /// Counts what a gateway says it let through while nobody answered.
    fn count_missed(&self, arrived: &RequestHead) {
        let missed = arrived.headers.first(b"x-portcullis-missed").unwrap_or_default();
        let running = self.shared.running.load();
        for (reason, requests) in native::missed(missed) {
            running.reports.metrics().attachments.missed("native", reason, requests);
        }
    }
}

#[async_trait]
impl HttpServerApp for Inspector {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        _stopping: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        let context = session.take_connection_user_context();
        let shared = context.and_then(|it| it.downcast::<wire::Shared>().ok());
        let awaits = || shared.as_ref().is_some_and(|shared| shared.kept.is_there());
        let usual = session.get_keepalive();
        let read = if awaits() {
            // Its answer comes when the application has one, whoever closes meanwhile: the process does not end before.
            session.set_keepalive(Some(response::AWAITED.as_secs()));
            let read = session.read_request().await;
            session.set_keepalive(usual);
            read
        } else {
            tokio::select! {
                biased;
                read = session.read_request() => read,
                () = self.closing() => return None,
            }
        };
        match read {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => {
                tracing::debug!(%error, "no request of a gateway");
                return None;
            }
        }
        let answer = self.answer(&mut session, shared.as_deref()).await;
        if awaits() {
            session.set_keepalive(usual.or(Some(response::AWAITED.as_secs())));
            if session.get_keepalive_reuses_remaining() == Some(0) {
                session.set_keepalive_reuses_remaining(Some(1));
            }
        } else if self.shared.drain.is_draining() {
            session.set_keepalive(None);
        }
        if answer.closes || (!session.is_body_done() && !answer.is_early) {
            session.set_keepalive(None);
        }
        if let Err(error) = answer.send(&mut session).await {
            tracing::debug!(%error, "gateway gone before its answer");
            return None;
        }
        if !session.is_body_done() {
            linger(&mut session, answer.is_early).await;
        }
        let settings = HttpPersistentSettings::for_session(&session);
        let reusable = session.finish().await.ok()??;
        Some(ReusedHttpStream::from_reusable_stream(reusable, settings))
    }

    async fn http_cleanup(&self) {
        self.is_closing.store(true, Ordering::Release);
        self.closing.notify_waiters();
    }
}

/// Reads a question on to its end behind its answer. Unless more are to come on the connection, that is said at once.
async fn linger(session: &mut ServerSession, goes_on: bool) {
    if !goes_on {
        return inline::linger(session).await;
    }
    let rest = async { while let Ok(Some(_)) = session.read_request_body().await {} };
    let _ = tokio::time::timeout(LINGER, rest).await;
    if !session.is_body_done() {
        session.set_keepalive(None);
    }
}

/// How long the rest of a question may take to come that has its answer.
const LINGER: Duration = Duration::from_secs(5);

/// Whether who asks is a gateway of this endpoint, and shows its token if one is wanted.
fn may_ask(session: &ServerSession, inspect: &Inspect, head: &RequestHead) -> bool {
    let peer = session.client_addr().and_then(|address| Some(address.as_inet()?.ip().to_canonical()));
    if !inspect.gateways.contains(peer) {
        return false;
    }
    let Some(token) = &inspect.token else { return true };
    let mut shown = head.headers.named(b"x-portcullis-token");
    let in_header = shown.next().filter(|_| shown.next().is_none());
    // The path is the gateway's own, but where it is that of the request.
    let in_path =
        (inspect.dialect != Dialect::ExternalAuth).then(|| head.target.strip_prefix(b"/")).flatten();
    [in_header.map(|field| field.value), in_path]
        .into_iter()
        .flatten()
        .any(|given| token::is_same(given, token.as_bytes()))
}
