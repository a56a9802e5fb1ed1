//! Connections as they come, before Pingora reads requests from them.
//!
//! Pingora parses a request target as a URI and refuses what is none, before any hook is called: a raw `<` or
//! `"` in a query, which programs send and other servers take. A request that rules never saw must neither pass
//! nor be refused uncounted, so the line is percent-encoded on its way to Pingora ([`line`]), and the
//! line as it came is what rules see ([`RawLine`]).
//!
//! On the way back a [`Gate`] keeps what Pingora writes until the request lets it go: Pingora passes an answer on
//! the moment it comes.

mod gate;
mod line;
mod stream;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use pingora::apps::{HttpServerApp as _, ReusedHttpStream, ServerApp};
use pingora::protocols::http::ServerSession;
use pingora::protocols::{ALPN, Stream};
use pingora::proxy::HttpProxy;
use pingora::server::ShutdownWatch;

use crate::inline::Inline;
pub(crate) use gate::Gate;
use stream::WireStream;

/// What a connection and the request that it is at share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared {
    pub(crate) line: RawLine,
    pub(crate) gate: Gate,
}

/// The request line of the request that a connection is at, if it is not what Pingora sees; written by the
/// connection and taken by the request.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawLine(Arc<ArcSwapOption<Vec<u8>>>);

impl RawLine {
    /// Takes the line, without its end.
    pub(crate) fn take(&self) -> Option<Arc<Vec<u8>>> {
        // Mostly there is none, and to look is cheaper than to take.
        self.0.load().as_ref()?;
        self.0.swap(None)
    }

    fn set(&self, line: &[u8]) {
        self.0.store(Some(Arc::new(line.to_vec())));
    }
}

/// The inline proxy on a listener.
pub(crate) struct Wire {
    proxy: Arc<HttpProxy<Inline>>,
}

impl Wire {
    /// Serves `proxy`.
    pub(crate) fn new(proxy: HttpProxy<Inline>) -> Self {
        Self { proxy: Arc::new(proxy) }
    }

    /// Whether a connection speaks HTTP/2, which has no request line.
    async fn is_http2(&self, stream: &mut Stream) -> bool {
        if matches!(stream.selected_alpn_proto(), Some(ALPN::H2)) {
            return true;
        }
        let h2c = self.proxy.server_options.as_ref().is_some_and(|options| options.h2c);
        let mut start = [0; PREFACE.len()];
        h2c && stream.get_ssl_digest().is_none()
            && matches!(stream.try_peek(&mut start).await, Ok(true))
            && start == *PREFACE
    }

    /// One request after the other, as [`pingora::apps`] does it.
    async fn serve(&self, stream: Stream, shutdown: &ShutdownWatch) {
        let shared = Shared::default();
        let mut session = ServerSession::new_http1(Box::new(WireStream::new(stream, shared.clone())));
        session.set_keepalive((!*shutdown.borrow()).then_some(KEEPALIVE_SECONDS));
        loop {
            session.set_connection_user_context(Some(Box::new(shared.clone())));
            let reused = self.proxy.process_new_http(session, shutdown).await;
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
impl ServerApp for Wire {
    async fn process_new(self: &Arc<Self>, mut stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        if self.is_http2(&mut stream).await {
            return self.proxy.process_new(stream, shutdown).await;
        }
        self.serve(stream, shutdown).await;
        None
    }

    async fn cleanup(&self) {
        self.proxy.http_cleanup().await;
    }
}

/// How an HTTP/2 connection begins (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long a connection may be idle between requests.
const KEEPALIVE_SECONDS: u64 = 60;
