//! What Envoy asks about its requests, over gRPC: by `ext_proc`, which shows a request and its answer part by part and waits, and by
//! `ext_authz`, which shows a request once.
//!
//! | what | is done in |
//! |---|---|
//! | a connection, over HTTP/2, and who may ask | here |
//! | a call, by its name | [`service`] |
//! | one exchange, from the first message of its stream to the last | [`process`], [`exchange`] |
//! | one request for `ext_authz` | [`check`] |
//! | heads, and who they are from | [`head`] |
//! | what Envoy is told | [`reply`], [`metadata`] |
//! | the messages, on the wire | [`messages`] |
//! | the end of a connection | [`linger`] |
//!
//! Envoy takes the end of a stream for consent, and an error for a failure that its `failure_mode_allow` is for. So whatever
//! cannot be understood is refused by an answer, and a stream ends well only where that is meant ([`outbox`]).

mod check;
mod exchange;
mod head;
mod held;
mod linger;
mod messages;
mod metadata;
mod mode;
mod outbox;
mod process;
mod reply;
mod service;

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use engine::config::{Envoy, ListenerLimits};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use pingora::protocols::Stream;
use pingora::server::ShutdownWatch;

use crate::listen::{Client, Connection, Front, Serve};
use crate::state::Shared;

/// Answers Envoy.
pub(crate) struct Examiner {
    shared: Arc<Shared>,
}

/// A connection of Envoy's.
#[derive(Clone)]
struct Asker {
    shared: Arc<Shared>,
    envoy: Arc<Envoy>,
    client: Arc<Client>,
    /// Where it comes from; `None` by a unix socket.
    address: Option<IpAddr>,
}

impl Examiner {
    /// Judges with what is shared with reload and admin.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

#[async_trait]
impl Serve for Examiner {
    async fn serve(self: &Arc<Self>, connection: Connection, stopping: &ShutdownWatch) {
        let Front::Envoy(envoy) = &connection.client.listener.front else { return };
        let asker = Asker {
            shared: Arc::clone(&self.shared),
            envoy: Arc::clone(envoy),
            client: Arc::clone(&connection.client),
            address: address(&connection.stream),
        };
        let service = service_fn(move |call| service::answer(asker.clone(), call));
        let builder = builder(&connection.client.listener.listener.limits);
        let mut stream = connection.stream;
        let served = {
            let mut serving = pin!(builder.serve_connection(TokioIo::new(&mut stream), service));
            let mut stopping = stopping.clone();
            let is_stopping = async {
                // Who could say so is gone: then it is time as well.
                let _ = stopping.wait_for(|stopping| *stopping).await;
            };
            let served = tokio::select! {
                served = serving.as_mut() => Some(served),
                () = is_stopping => None,
            };
            match served {
                Some(served) => served,
                None => {
                    // What it is asked about is answered; Envoy asks elsewhere then.
                    serving.as_mut().graceful_shutdown();
                    serving.await
                }
            }
        };
        match served {
            Ok(()) => linger::linger(&mut stream).await,
            Err(error) => tracing::debug!(%error, "a connection of Envoy's ends"),
        }
    }
}

/// Settings that Envoy is told, and bounds of what is kept for it. Floods of resets are for `h2` to end.
fn builder(limits: &ListenerLimits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        // The head of a call is Envoy's own; that of the request is in a message.
        .max_header_list_size(HEADER_LIST_BYTES_MAX)
        // One whose host is gone would be waited for for ever.
        .keep_alive_interval(ALIVE_EVERY)
        .keep_alive_timeout(ALIVE_WITHIN);
    builder
}

fn address(stream: &Stream) -> Option<IpAddr> {
    let digest = stream.get_socket_digest()?;
    Some(digest.peer_addr()?.as_inet()?.ip().to_canonical())
}

/// The names of both in records and metrics.
pub(crate) const PROCESSING: &str = "ext-proc";
pub(crate) const CHECKING: &str = "ext-authz";

/// What may be under way of one exchange, and of all of a connection (bytes).
const WINDOW_BYTES: u32 = 256 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
const SEND_BUFFER_BYTES: usize = 256 << 10;
const HEADER_LIST_BYTES_MAX: u32 = 16 << 10;
/// How often a connection is asked whether it is there, and how long it may take to say so.
const ALIVE_EVERY: Duration = Duration::from_secs(30);
const ALIVE_WITHIN: Duration = Duration::from_secs(20);
