//! One open listener.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use engine::config::{ListenAddress, Listener};
use pingora::apps::ServerApp;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::accept::accept;
use super::entry::{Entry, Settings};
use super::peers::Crowd;
use super::socket::{Bound, Socket, SocketError};
use super::{Plain, Serve};
use crate::handover::Inherited;
use crate::report::Connections;

/// A socket that accepts connections.
pub(crate) struct Listening {
    address: ListenAddress,
    /// Where it is bound.
    pub(crate) bound: Bound,
    entry: Arc<Entry>,
    socket: Socket,
    accepting: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Listening {
    /// Serves `app` on a socket.
    pub(crate) fn open<A: Serve>(
        socket: Socket,
        settings: Settings,
        app: Arc<A>,
        counters: Connections,
    ) -> Result<Self, SocketError> {
        let address = settings.listener.address.clone();
        let failed = |error| SocketError { address: address.to_string(), error };
        let (bound, acceptor) = (socket.bound().map_err(failed)?, socket.acceptor().map_err(failed)?);
        let entry = Entry::new(settings);
        let (stop, stopping) = watch::channel(false);
        let accepting = tokio::spawn(accept(acceptor, Arc::clone(&entry), app, counters, stopping));
        Ok(Self { address, bound, entry, socket, accepting, stop })
    }

    /// Binds a socket and serves an application of Pingora's on it, over plain HTTP.
    pub(crate) fn plain<A: ServerApp + Send + Sync + 'static>(
        address: SocketAddr,
        app: A,
        counters: Connections,
        inherited: &Inherited,
    ) -> Result<Self, SocketError> {
        let settings = Settings::plain(Listener::at(address));
        let socket = Socket::obtain(&settings.listener.address, inherited)?;
        Self::open(socket, settings, Arc::new(Plain::new(app)), counters)
    }

    /// Whether it was configured with this address.
    pub(super) fn is_at(&self, address: &ListenAddress) -> bool {
        self.address == *address
    }

    /// From now on connections are served with these settings.
    pub(super) fn replace(&self, settings: Settings) {
        self.entry.replace(settings);
    }

    /// Its socket with the address that the configuration has for it.
    pub(crate) fn socket(&self) -> io::Result<(String, OwnedFd)> {
        Ok((self.address.to_string(), self.socket.as_fd().try_clone_to_owned()?))
    }

    /// Its connections.
    pub(super) fn crowd(&self) -> Arc<Crowd> {
        Arc::clone(&self.entry.crowd)
    }

    /// Accepts no more connections: another process does. Those that there are go on.
    pub(crate) async fn leave(self) {
        let _ = self.stop.send(true);
        let _ = self.accepting.await;
    }

    /// Accepts no more connections; those that there are go on.
    pub(crate) async fn close(self) {
        let _ = self.stop.send(true);
        let _ = self.accepting.await;
        if let ListenAddress::Unix(path) = &self.address {
            // Nobody can connect there any more, and who looks for it should see that. A socket that was passed is another's, who
            // may pass it on: connections wait there meanwhile.
            let _ = std::fs::remove_file(path);
        }
    }
}
