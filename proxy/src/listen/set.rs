//! The listeners that are open, and how a reload changes them.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::Config;
use engine::config::Listener;
use tokio::time::timeout;

use super::entry::{Front, Settings};
use super::single::Listening;
use super::socket::{Bound, Socket, SocketError};
use super::tls::{Resumption, TlsError};
use crate::acme::Shelf;
use crate::handover::Inherited;
use crate::load::Loaded;
use crate::report::Metrics;
use crate::wire::Fronts;

/// The listeners of the data path, attachments among them.
pub(crate) struct Listeners {
    open: Mutex<Vec<Listening>>,
    fronts: Arc<Fronts>,
    metrics: Arc<Metrics>,
    resumption: Resumption,
    inherited: Arc<Inherited>,
    shelf: Arc<Shelf>,
}

/// Why listeners cannot be what a configuration wants.
#[derive(Debug)]
pub(crate) enum ListenError {
    Socket(SocketError),
    Tls(String, TlsError),
}

impl std::fmt::Display for ListenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Socket(error) => error.fmt(f),
            Self::Tls(listener, error) => write!(f, "TLS of the listener {listener}: {error}"),
        }
    }
}

impl std::error::Error for ListenError {}

/// Listeners and then attachments, in the order of the configuration.
fn all(config: &Config) -> impl Iterator<Item = (&Listener, Front)> {
    let inline = config.listeners.iter().map(|listener| (listener, Front::Inline));
    let inspect = config.attachments.inspect.iter();
    let inspect = inspect.map(|it| (&it.listener, Front::Inspect(Arc::new(it.clone()))));
    let envoy = config.attachments.envoy.iter();
    let envoy = envoy.map(|it| (&it.listener, Front::Envoy(Arc::new(it.clone()))));
    let spoe = config.attachments.spoe.iter();
    let spoe = spoe.map(|it| (&it.listener, Front::Spoe(Arc::new(it.clone()))));
    inline.chain(inspect).chain(envoy).chain(spoe)
}

/// What a configuration wants, so far that nothing can fail any more.
pub(crate) struct Prepared {
    /// In the order of the configuration: a socket where one must be opened.
    wanted: Vec<(Option<Socket>, Settings)>,
}

impl Listeners {
    /// None yet.
    pub(crate) fn new(
        fronts: Arc<Fronts>,
        metrics: Arc<Metrics>,
        inherited: Arc<Inherited>,
        shelf: Arc<Shelf>,
    ) -> Result<Self, TlsError> {
        Ok(Self { open: Mutex::default(), fronts, metrics, resumption: Resumption::new()?, inherited, shelf })
    }

    /// Binds what is not open yet and builds all settings; nothing changes.
    pub(crate) fn prepare(&self, loaded: &Loaded) -> Result<Prepared, ListenError> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let prepare = |(listener, front): (&Listener, Front)| {
            let settings = Settings::new(listener, front, &loaded.snapshot, &self.resumption, &self.shelf)
                .map_err(|error| ListenError::Tls(listener.address.to_string(), error))?;
            let is_open = open.iter().any(|listening| listening.is_at(&listener.address));
            let socket = (!is_open).then(|| Socket::obtain(&listener.address, &self.inherited));
            Ok((socket.transpose().map_err(ListenError::Socket)?, settings))
        };
        let wanted = all(loaded.config()).map(prepare).collect::<Result<_, _>>()?;
        Ok(Prepared { wanted })
    }

    /// Opens, changes and closes listeners as it was prepared.
    pub(crate) async fn apply(&self, prepared: Prepared, loaded: &Loaded) -> Result<(), SocketError> {
        let surplus = self.exchange(prepared)?;
        for listening in surplus {
            listening.close().await;
        }
        self.tell_certificates(loaded);
        Ok(())
    }

    /// Gives what is open and no longer wanted.
    fn exchange(&self, prepared: Prepared) -> Result<Vec<Listening>, SocketError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *open);
        for (socket, settings) in prepared.wanted {
            let place = before.iter().position(|it| it.is_at(&settings.listener.address));
            match (place, socket) {
                (Some(place), _) => {
                    let listening = before.remove(place);
                    listening.replace(settings);
                    open.push(listening);
                }
                (None, Some(socket)) => {
                    let counters = self.metrics.connections.of(&settings.listener.address.to_string());
                    open.push(Listening::open(socket, settings, Arc::clone(&self.fronts), counters)?);
                }
                (None, None) => {}
            }
        }
        Ok(before)
    }

    fn tell_certificates(&self, loaded: &Loaded) {
        let keyring = loaded.snapshot.keyring();
        let tls = loaded.config().listeners.iter().filter_map(|listener| listener.tls.as_ref());
        let files = tls.flat_map(|tls| &tls.certificates);
        let expiry =
            files.filter_map(|it| Some((it.certificate.path.as_str(), keyring.identity(it)?.not_after)));
        self.metrics.connections.certificates(expiry);
    }

    /// Where they are bound, in the order of the configuration: listeners first, then attachments.
    pub(crate) fn bound(&self) -> Vec<Bound> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().map(|listening| listening.bound.clone()).collect()
    }

    /// The sockets with their addresses, for a process that takes over.
    pub(crate) fn sockets(&self) -> io::Result<Vec<(String, OwnedFd)>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().map(Listening::socket).collect()
    }

    /// Accepts no more connections. Those that there are have `grace` to end or to send another request, whose answer
    /// closes them; then those that are idle are closed. `leave` says whether another process has the sockets now.
    pub(crate) async fn close(&self, grace: Duration, leave: bool) {
        let open = std::mem::take(&mut *self.open.lock().unwrap_or_else(PoisonError::into_inner));
        let crowds: Vec<_> = open.iter().map(Listening::crowd).collect();
        for listening in open {
            if leave { listening.leave().await } else { listening.close().await }
        }
        let all = async {
            for crowd in crowds {
                crowd.room(|| 1).await;
            }
        };
        let _ = timeout(grace, all).await;
        self.fronts.finish().await;
    }
}
