//! Connections as they come, before Pingora reads requests from them.
//!
//! Pingora parses a request target as a URI and refuses what is none, before any hook is called: a raw `<` or
//! `"` in a query, which programs send and other servers take. A request that rules never saw must neither pass
//! nor be refused uncounted, so the line is percent-encoded on its way to Pingora ([`line`]), and the
//! line as it came is what rules see ([`Raw`]).
//!
//! Framing is read here first, and strictly ([`transaction::wire`]): what two servers are known to read differently never
//! gets as far as Pingora, which would forgive some of it and refuse the rest without a word to anybody. In its place
//! Pingora gets a request that stands for it, and refuses that as it is told.
//!
//! On the way back a [`Gate`] keeps what Pingora writes until the request lets it go: Pingora passes an answer on
//! the moment it comes.

mod fronts;
mod gate;
mod http2;
mod kept;
mod line;
mod pace;
mod seen;
mod stream;

use std::sync::Arc;

use async_trait::async_trait;
use pingora::apps::{HttpServerApp, ReusedHttpStream};
use pingora::protocols::http::ServerSession;
use pingora::server::ShutdownWatch;

use crate::listen::{Connection, Serve, Visit};
use crate::state;
pub(crate) use fronts::Fronts;
pub(crate) use gate::Gate;
pub(crate) use kept::Kept;
pub(crate) use pace::{Pace, Stage as PaceStage};
pub(crate) use seen::{Raw, Seen};
use stream::WireStream;

/// What a connection and the request that it is at share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared {
    pub(crate) seen: Seen,
    pub(crate) gate: Gate,
    pub(crate) kept: Kept,
}

/// An application of Pingora's on its listeners.
pub(crate) struct Wire<A> {
    app: Arc<A>,
    state: Arc<state::Shared>,
}

impl<A: HttpServerApp + Send + Sync + 'static> Wire<A> {
    /// Serves `app`.
    pub(crate) fn new(app: A, state: Arc<state::Shared>) -> Self {
        Self { app: Arc::new(app), state }
    }

    /// No more connections will come: those that are idle are closed.
    pub(crate) async fn finish(&self) {
        self.app.http_cleanup().await;
    }

    /// One request after the other, as [`pingora::apps`] does it.
    async fn serve_http1(&self, connection: Connection, stopping: &ShutdownWatch) {
        let limits = &connection.client.listener.listener.limits;
        let keepalive = limits.keepalive_timeout.as_secs().max(1);
        let shared = Shared::default();
        let visit = Visit { client: Arc::clone(&connection.client), pace: Arc::default() };
        let stream = WireStream::new(connection.stream, shared.clone(), visit.clone());
        let mut session = ServerSession::new_http1(Box::new(stream));
        session.set_keepalive((!*stopping.borrow()).then_some(keepalive));
        session.set_keepalive_reuses_remaining(limits.keepalive_requests_max.map(|most| most - 1));
        loop {
            session.set_connection_user_context(Some(Box::new(shared.clone())));
            let process = self.app.process_new_http(session, stopping);
            let Some(reused) = pace::within(process, limits, &visit.pace).await else {
                connection.client.counters.refused("request-timeout");
                return;
            };
            if shared.seen.is_untaken() {
                // Pingora refused it by itself, before any hook.
                self.state.running.load().reports.metrics().malformed("other");
            }
            let Some((stream, settings)) = reused.map(ReusedHttpStream::consume) else { return };
            let Some(stream) = WireStream::rearmed(stream) else { return };
            session = ServerSession::new_http1(stream);
            if let Some(settings) = settings {
                settings.apply_to_session(&mut session);
            }
        }
    }
}

#[async_trait]
impl<A: HttpServerApp + Send + Sync + 'static> Serve for Wire<A> {
    async fn serve(self: &Arc<Self>, mut connection: Connection, stopping: &ShutdownWatch) {
        if http2::is_spoken(&mut connection).await {
            http2::serve(&self.app, connection, stopping).await;
        } else {
            self.serve_http1(connection, stopping).await;
        }
    }
}
