//! Listening sockets: accepted connections go to a Pingora application until the listener closes.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::sync::Arc;

use pingora::apps::ServerApp;
use pingora::server::Fds;
use pingora::services::Service as _;
use pingora::services::listening::Service;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A socket that accepts connections.
pub(crate) struct Listening {
    /// The address it is bound to, with the port the system chose for port 0.
    pub(crate) address: SocketAddr,
    service: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Listening {
    /// Binds a socket and serves `app` on it.
    pub(crate) fn open<A>(address: SocketAddr, app: A) -> io::Result<Self>
    where
        A: ServerApp + Send + Sync + 'static,
    {
        // Pingora panics when it cannot bind, and does not tell which port it got; so it is handed a
        // socket that is bound already, as in a graceful upgrade.
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let name = address.to_string();
        let mut sockets = Fds::new();
        sockets.add(name.clone(), listener.into_raw_fd());
        let mut service = Service::new(name.clone(), app);
        service.add_tcp(&name);
        let (stop, stopping) = watch::channel(false);
        let service = tokio::spawn(async move {
            service.start_service(Some(Arc::new(sockets.into())), stopping, 1).await;
        });
        Ok(Self { address, service, stop })
    }

    /// Accepts no more connections and closes those that are idle; the others go on.
    pub(crate) async fn close(self) {
        let _ = self.stop.send(true);
        let _ = self.service.await;
    }
}
