//! What a listener's connections are served with.

use std::sync::Arc;

use arc_swap::ArcSwap;
use engine::Snapshot;
use engine::config::{Envoy, Inspect, Listener, Spoe};
use pingora::listeners::tls::Acceptor;

use super::bustle::Bustle;
use super::peers::Crowd;
use super::tls::{self, Resumption, TlsError};
use crate::acme::Shelf;

/// A listener as connections see it. A reload puts other settings in place; a connection keeps those it began with.
#[derive(Debug)]
pub(crate) struct Entry {
    settings: ArcSwap<Settings>,
    pub(super) crowd: Arc<Crowd>,
    pub(super) bustle: Arc<Bustle>,
}

/// How a listener is configured, ready to be used.
pub(crate) struct Settings {
    /// The configuration.
    pub(crate) listener: Listener,
    /// What its connections are for.
    pub(crate) front: Front,
    pub(super) acceptor: Option<Acceptor>,
}

/// What connections are for.
#[derive(Clone, Debug)]
pub(crate) enum Front {
    /// Requests to be served.
    Inline,
    /// Questions of a gateway.
    Inspect(Arc<Inspect>),
    /// Questions of Envoy, over gRPC.
    Envoy(Arc<Envoy>),
    /// Questions of HAProxy.
    Spoe(Arc<Spoe>),
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.listener.fmt(f)
    }
}

impl Settings {
    /// Of a configuration and the certificates that were read for it.
    pub(crate) fn new(
        listener: &Listener,
        front: Front,
        snapshot: &Snapshot,
        resumption: &Resumption,
        shelf: &Arc<Shelf>,
    ) -> Result<Self, TlsError> {
        let tls = listener.tls.as_ref();
        let acceptor =
            tls.map(|tls| tls::acceptor(tls, snapshot.keyring(), resumption, shelf)).transpose()?;
        Ok(Self { listener: listener.clone(), front, acceptor })
    }

    /// Without TLS.
    pub(crate) fn plain(listener: Listener) -> Self {
        Self { listener, front: Front::Inline, acceptor: None }
    }
}

impl Entry {
    /// An entry with these settings.
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            settings: ArcSwap::from_pointee(settings),
            crowd: Arc::default(),
            bustle: Arc::default(),
        })
    }

    /// The settings for a connection that comes now.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// From now on connections are served with these.
    pub(crate) fn replace(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
        self.crowd.reconsider();
    }
}
