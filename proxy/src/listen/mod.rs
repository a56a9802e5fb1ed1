//! Listening sockets and the connections that come in by them, before the first request.
//!
//! Pingora's own accept loop reads no PROXY protocol in front of plain HTTP, knows neither limits nor certificates of its
//! own, and panics when it cannot bind; so this one stands in its place. What it hands on is a [`Connection`]:
//! Pingora's stream, and what is known of who is at the other end.

mod accept;
mod bustle;
mod certificates;
mod client_socket;
mod entry;
mod gather;
mod peers;
mod proxy_protocol;
mod set;
mod single;
mod socket;
mod subject;
mod tls;

use std::sync::Arc;

use async_trait::async_trait;
use pingora::apps::ServerApp;
use pingora::http::ResponseHeader;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{Digest, Stream};
use pingora::server::ShutdownWatch;

use crate::report::Connections;
use crate::wire::Pace;
use bustle::Bustle;
pub(crate) use bustle::Turn;
pub(crate) use entry::{Front, Settings};
pub(crate) use set::Listeners;
pub(crate) use single::Listening;
pub(crate) use socket::{Bound, Socket};

/// A connection that is ready for its first request.
pub(crate) struct Connection {
    /// Where requests come from and answers go.
    pub(crate) stream: Stream,
    /// Who is at the other end.
    pub(crate) client: Arc<Client>,
}

/// What is known of the other end of a connection, besides its address.
pub(crate) struct Client {
    /// The listener it came in by, as it was configured then.
    pub(crate) listener: Arc<Settings>,
    /// The distinguished name in the certificate it showed.
    pub(crate) subject: Option<Arc<str>>,
    /// Where it is counted.
    pub(crate) counters: Connections,
    /// What else its listener is at.
    bustle: Arc<Bustle>,
}

impl Client {
    /// A turn for one more request; without one, the listener is at as many as it takes, and the request is counted as shed.
    pub(crate) fn turn(&self) -> Option<Turn> {
        let turn = self.bustle.turn(self.listener.listener.limits.requests_max);
        if turn.is_none() {
            self.counters.shed();
        }
        turn
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// What is known of a request before its head is.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    /// Who asks.
    pub(crate) client: Arc<Client>,
    /// How far the request has come.
    pub(crate) pace: Arc<Pace>,
}

impl Visit {
    /// In the form in which Pingora carries it from the connection to each request.
    pub(crate) fn to_digest(&self) -> Option<Arc<ProxyDigest>> {
        // Pingora's own use of it is a CONNECT through a proxy, with that proxy's answer.
        let answer = ResponseHeader::build(200, Some(0)).ok()?;
        Some(Arc::new(ProxyDigest::new(Box::new(answer), Some(Box::new(self.clone())))))
    }

    /// The visit that a request is.
    pub(crate) fn of(digest: Option<&Digest>) -> Option<&Self> {
        digest?.proxy_digest.as_ref()?.user_data.as_ref()?.downcast_ref()
    }
}

/// Who takes connections.
#[async_trait]
pub(crate) trait Serve: Send + Sync + 'static {
    /// Answers all requests of a connection. `stopping` says when it should be the last.
    async fn serve(self: &Arc<Self>, connection: Connection, stopping: &ShutdownWatch);
}

/// An application of Pingora's that needs to know nothing of the client.
pub(crate) struct Plain<A>(Arc<A>);

impl<A> Plain<A> {
    /// Serves `app`.
    pub(crate) fn new(app: A) -> Self {
        Self(Arc::new(app))
    }
}

#[async_trait]
impl<A: ServerApp + Send + Sync + 'static> Serve for Plain<A> {
    async fn serve(self: &Arc<Self>, connection: Connection, stopping: &ShutdownWatch) {
        let mut next = Some(connection.stream);
        while let Some(stream) = next {
            next = self.0.process_new(stream, stopping).await;
        }
    }
}
