//! Accepted connections on their way to their first request.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use pingora::listeners::tls::Acceptor as TlsAcceptor;
use pingora::protocols::{GetSocketDigest as _, Stream};
use pingora::server::ShutdownWatch;
use tokio::time::{sleep, timeout};

use super::bustle::Bustle;
use super::client_socket::ClientSocket;
use super::entry::{Entry, Settings};
use super::peers::Place;
use super::proxy_protocol::{self, Header};
use super::socket::Acceptor;
use super::{Client, Connection, Serve, subject};
use crate::report::Connections;

/// Accepts connections until it is time to stop.
pub(super) async fn accept<A: Serve>(
    socket: Acceptor,
    entry: Arc<Entry>,
    app: Arc<A>,
    counters: Connections,
    mut stopping: ShutdownWatch,
) {
    loop {
        let next = async {
            entry.crowd.room(|| entry.settings().listener.limits.connections_max).await;
            socket.accept().await
        };
        let accepted = tokio::select! {
            biased;
            () = stopped(&mut stopping) => return,
            accepted = next => accepted,
        };
        match accepted {
            Ok(stream) => {
                counters.accepted();
                let incoming = Incoming {
                    place: entry.crowd.enter(),
                    bustle: Arc::clone(&entry.bustle),
                    settings: entry.settings(),
                    counters: counters.clone(),
                };
                tokio::spawn(incoming.serve(stream, Arc::clone(&app), stopping.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "no connection is accepted for a moment");
                // Mostly there are too many open files: others must be closed first.
                sleep(BREATHER).await;
            }
        }
    }
}

async fn stopped(stopping: &mut ShutdownWatch) {
    // Who could say so is gone: then it is time as well.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// A connection that nothing was read of yet.
struct Incoming {
    place: Place,
    bustle: Arc<Bustle>,
    settings: Arc<Settings>,
    counters: Connections,
}

/// Why a connection comes to nothing.
#[derive(Debug)]
enum Failure {
    /// No PROXY protocol header from one who must send it.
    Header(io::Error),
    /// No handshake.
    Tls(Box<pingora::Error>),
    /// The client has enough of them.
    TooMany,
}

impl Incoming {
    async fn serve<A: Serve>(mut self, stream: ClientSocket, app: Arc<A>, stopping: ShutdownWatch) {
        let within = self.settings.listener.limits.handshake_timeout;
        // Most connections have nothing to wait for here, and a timer has its price.
        let begun = match self.is_ready_at_once() {
            true => Ok(self.begin(stream).await),
            false => timeout(within, self.begin(stream)).await,
        };
        match begun {
            Ok(Ok(connection)) => app.serve(connection, &stopping).await,
            Ok(Err(failure)) => self.counters.refused(failure.reason()),
            Err(_) => self.counters.refused("handshake-timeout"),
        }
        drop(self.place);
    }

    fn is_ready_at_once(&self) -> bool {
        self.settings.listener.proxy_protocol.is_none() && self.settings.acceptor.is_none()
    }

    async fn begin(&mut self, mut stream: ClientSocket) -> Result<Connection, Failure> {
        let listener = &self.settings.listener;
        let peer = address(&stream);
        if listener.proxy_protocol.as_ref().is_some_and(|peers| peers.contains(peer)) {
            let (header, rest) = proxy_protocol::read(&mut stream).await.map_err(Failure::Header)?;
            stream.unread(rest);
            if let Header::Client { source, destination } = header {
                stream.introduce(source, destination);
            }
        }
        if let (Some(most), Some(client)) = (listener.limits.connections_per_client_max, address(&stream))
            && !self.place.is_of(client, most)
        {
            return Err(Failure::TooMany);
        }
        match &self.settings.acceptor {
            Some(acceptor) => self.shake_hands(acceptor, stream).await,
            None => Ok(self.connection(Box::new(stream), None)),
        }
    }

    async fn shake_hands(&self, acceptor: &TlsAcceptor, stream: ClientSocket) -> Result<Connection, Failure> {
        let stream = acceptor.tls_handshake(stream).await.map_err(Failure::Tls)?;
        let subject = self.settings.listener.tls.as_ref().and_then(|tls| tls.client_certificates.as_ref());
        let subject = subject.and_then(|_| subject::of(&stream));
        Ok(self.connection(Box::new(stream), subject))
    }

    fn connection(&self, stream: Stream, subject: Option<Arc<str>>) -> Connection {
        Connection {
            stream,
            client: Arc::new(Client {
                listener: Arc::clone(&self.settings),
                subject,
                counters: self.counters.clone(),
                bustle: Arc::clone(&self.bustle),
            }),
        }
    }
}

impl Failure {
    fn reason(&self) -> &'static str {
        match self {
            Self::Header(error) => {
                tracing::debug!(%error, "no PROXY protocol header");
                "proxy-protocol"
            }
            Self::Tls(error) => {
                tracing::debug!(%error, "no TLS handshake");
                "tls"
            }
            Self::TooMany => "connections-per-client",
        }
    }
}

/// The address of who is at the other end; `None` for a unix socket.
fn address(stream: &ClientSocket) -> Option<IpAddr> {
    let digest = stream.get_socket_digest()?;
    Some(digest.peer_addr()?.as_inet()?.ip())
}

/// How long nothing is accepted after it failed.
const BREATHER: Duration = Duration::from_millis(100);
