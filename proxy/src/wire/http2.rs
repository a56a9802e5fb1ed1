//! HTTP/2 connections: what Pingora's own loop does, with limits of the listener's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pingora::apps::HttpServerApp;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::{H2Accept, H2Options, HttpSession, handshake};
use pingora::protocols::{ALPN, Digest, Stream};
use pingora::server::ShutdownWatch;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::pace::{self, Stage};
use crate::listen::{Connection, Visit};
use engine::config::ListenerLimits;

/// Whether a connection speaks HTTP/2, which has no request line.
pub(super) async fn is_spoken(connection: &mut Connection) -> bool {
    let stream = &mut connection.stream;
    if matches!(stream.selected_alpn_proto(), Some(ALPN::H2)) {
        return true;
    }
    let listener = &connection.client.listener.listener;
    if !listener.h2c || listener.tls.is_some() {
        return false;
    }
    // Who says nothing is found out by the one who waits for a head.
    timeout(PREFACE_WITHIN, begins_with_preface(stream)).await.unwrap_or(false)
}

/// Whether the first bytes are HTTP/2's; no more of them are waited for than are needed to tell.
async fn begins_with_preface(stream: &mut Stream) -> bool {
    let mut start = [0; PREFACE.len()];
    for length in 1..=PREFACE.len() {
        let peeked = stream.try_peek(&mut start[..length]).await;
        if !matches!(peeked, Ok(true)) || start[..length] != PREFACE[..length] {
            return false;
        }
    }
    true
}

/// Answers all requests of a connection.
pub(super) async fn serve<A: HttpServerApp + Send + Sync + 'static>(
    app: &Arc<A>,
    connection: Connection,
    stopping: &ShutdownWatch,
) {
    let limits = connection.client.listener.listener.limits.clone();
    let (client, known) = (Arc::clone(&connection.client), digest(&connection));
    let mut connection = match handshake(connection.stream, Some(options(&limits))).await {
        Ok(connection) => connection,
        Err(error) => {
            tracing::debug!(%error, "no HTTP/2 handshake");
            return;
        }
    };
    let (mut stopping_soon, mut is_stopping, mut rejected) = (stopping.clone(), false, 0);
    let active = Arc::new(Active::default());
    loop {
        let visit = Visit { client: Arc::clone(&client), pace: Arc::default() };
        let accepted = tokio::select! {
            biased;
            _ = stopping_soon.wait_for(|stopping| *stopping), if !is_stopping => {
                connection.graceful_shutdown();
                is_stopping = true;
                continue;
            }
            accepted = HttpSession::from_h2_conn(&mut connection, of_visit(&known, &visit)) => accepted,
            () = active.idle_for(limits.keepalive_timeout), if !is_stopping => {
                connection.graceful_shutdown();
                is_stopping = true;
                continue;
            }
            // Who is told to go and does not is left.
            () = active.idle_for(FAREWELL), if is_stopping => return,
        };
        match accepted {
            Ok(Some(H2Accept::Session(_))) if active.is_flood() => {
                client.counters.refused("http2-resets");
                return;
            }
            Ok(Some(H2Accept::Session(session))) => {
                let request = Request { app: Arc::clone(app), visit, busy: active.begin() };
                tokio::spawn(request.answer(session, stopping.clone()));
            }
            Ok(Some(H2Accept::Rejected)) if rejected < REJECTED_MAX => rejected += 1,
            Ok(Some(H2Accept::Rejected) | None) => return,
            Err(error) => {
                tracing::debug!(%error, "HTTP/2 connection ends");
                return;
            }
        }
    }
}

/// One request of a connection.
struct Request<A> {
    app: Arc<A>,
    visit: Visit,
    busy: Busy,
}

impl<A: HttpServerApp + Send + Sync + 'static> Request<A> {
    /// Answers it; one that comes too slowly or takes too long is reset.
    async fn answer(self, session: HttpSession, stopping: ShutdownWatch) {
        let limits = &self.visit.client.listener.listener.limits;
        let has_body = !session.is_body_empty();
        let process = self.app.process_new_http(ServerSession::new_http2(session), &stopping);
        let given_up = tokio::select! {
            done = pace::within(process, limits, &self.visit.pace) => done.is_none().then_some("request-timeout"),
            () = self.visit.pace.too_slow(limits), if has_body => Some("slow-body"),
        };
        if let Some(reason) = given_up {
            self.visit.client.counters.refused(reason);
        }
        if matches!(self.visit.pace.stage(), Stage::Head | Stage::Body) {
            self.busy.0.abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What Pingora knows of a request's connection.
fn of_visit(known: &Digest, visit: &Visit) -> Arc<Digest> {
    Arc::new(Digest {
        ssl_digest: known.ssl_digest.clone(),
        timing_digest: known.timing_digest.clone(),
        proxy_digest: visit.to_digest(),
        socket_digest: known.socket_digest.clone(),
    })
}

/// What Pingora knows of a connection.
fn digest(connection: &Connection) -> Digest {
    let stream = &connection.stream;
    Digest {
        ssl_digest: stream.get_ssl_digest(),
        timing_digest: stream.get_timing_digest(),
        proxy_digest: None,
        socket_digest: stream.get_socket_digest(),
    }
}

/// Settings that clients are told, and bounds of what `h2` keeps for them. Floods of resets, of CONTINUATION and of empty
/// frames are `h2`'s to end: it closes the connection.
fn options(limits: &ListenerLimits) -> H2Options {
    let mut options = H2Options::default();
    options.max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX));
    options.max_concurrent_streams(limits.streams_max);
    options
}

/// Requests that a connection is at, and how those ended that it was at.
#[derive(Default)]
struct Active {
    count: AtomicUsize,
    changed: Notify,
    begun: AtomicUsize,
    /// Given up by the client before there was an answer.
    abandoned: AtomicUsize,
}

/// One of them.
struct Busy(Arc<Active>);

impl Active {
    fn begin(self: &Arc<Self>) -> Busy {
        self.count.fetch_add(1, Ordering::AcqRel);
        self.begun.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    /// Whether the client asks in order to make work, and takes its requests back (CVE-2023-44487): people leave pages now and
    /// then, but not mostly.
    fn is_flood(&self) -> bool {
        let abandoned = self.abandoned.load(Ordering::Relaxed);
        abandoned > ABANDONED_MAX && abandoned > self.begun.load(Ordering::Relaxed) / 2
    }

    /// Returns once there was no request for so long.
    async fn idle_for(&self, period: Duration) {
        while self.count.load(Ordering::Acquire) > 0 {
            self.changed.notified().await;
        }
        sleep(period).await;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.changed.notify_one();
        }
    }
}

/// How a connection begins (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long a client is waited for that may begin with it.
const PREFACE_WITHIN: Duration = Duration::from_secs(60);
/// Malformed requests after which a connection is closed (count).
const REJECTED_MAX: usize = 32;
/// Requests of a connection that may be taken back whatever became of the others (count).
const ABANDONED_MAX: usize = 100;
/// How long a client may take to close a connection that is told to end.
const FAREWELL: Duration = Duration::from_secs(2);
