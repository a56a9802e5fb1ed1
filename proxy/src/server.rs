//! A running proxy: started, reloaded, drained.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use engine::config::Drain;
use pingora::apps::HttpServerOptions;
use pingora::proxy::{HttpProxy, http_proxy};
use pingora::server::configuration::ServerConf;
use tokio::time::{Instant, sleep};

use crate::admin::Admin;
use crate::attach::{Examiner, Inspector, SpoeAgent};
use crate::drain;
use crate::handover::{Inherited, Successor};
use crate::ids::Ids;
use crate::inline::Inline;
use crate::listen::{Bound, Listeners, Listening};
use crate::load::{Loaded, Source};
use crate::reload::Reloader;
use crate::report::Metrics;
use crate::state::Shared;
use crate::wire::{Fronts, Wire};

/// Why a proxy does not start.
#[derive(Debug)]
pub enum StartError {
    /// The configuration does not load; the text is ready to be shown.
    Configuration(String),
    /// A socket or file cannot be opened.
    Open {
        /// What it was for.
        what: String,
        /// Why not.
        error: io::Error,
    },
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Configuration(text) => f.write_str(text),
            Self::Open { what, error } => write!(f, "cannot open {what}: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// A running proxy.
pub struct Server {
    shared: Arc<Shared>,
    reloader: Arc<Reloader>,
    listeners: Arc<Listeners>,
    admin: Option<Listening>,
    loaded: Loaded,
    inherited: Arc<Inherited>,
}

impl Server {
    /// Loads the configuration and opens all sockets. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// A configuration that does not load, an address that is taken, a file that cannot be written.
    pub async fn start(source: Arc<dyn Source>) -> Result<Self, StartError> {
        let loaded = source.load().map_err(StartError::Configuration)?;
        let metrics = Metrics::new().map_err(|error| StartError::Configuration(error.to_string()))?;
        let reloader = Reloader::new(source, Arc::new(metrics), &loaded)
            .map_err(|error| StartError::Open { what: "what it writes to".into(), error })?;
        let running = reloader.running(&loaded, None);
        running.upstreams.start(None).await;
        reloader.metrics().upstreams.tell_of(Arc::downgrade(&running.upstreams));
        let shared = Arc::new(Shared {
            running: Arc::new(ArcSwap::from_pointee(running)),
            drain: drain::Drain::default(),
            ids: Ids::default(),
            shelf: Arc::clone(reloader.shelf()),
        });
        reloader.learn(&shared, &loaded).map_err(|error| StartError::Configuration(error.to_string()))?;
        let inspect = Wire::new(Inspector::new(Arc::clone(&shared)), Arc::clone(&shared));
        let (inline, envoy) =
            (Wire::new(proxy(&shared), Arc::clone(&shared)), Examiner::new(Arc::clone(&shared)));
        let spoe = SpoeAgent::new(Arc::clone(&shared));
        let fronts = Arc::new(Fronts::new(inline, inspect, envoy, spoe));
        let inherited = Inherited::of_process()
            .map_err(|error| StartError::Open { what: "the sockets that were passed".into(), error })?;
        let inherited = Arc::new(inherited);
        // Before listeners open, so that they have what was obtained earlier.
        reloader
            .keep_certificates(&loaded)
            .await
            .map_err(|error| StartError::Open { what: "certificates by ACME".into(), error })?;
        let (metrics, shelf) = (Arc::clone(reloader.metrics()), Arc::clone(&shared.shelf));
        let listeners = Listeners::new(fronts, metrics, Arc::clone(&inherited), shelf)
            .map_err(|error| StartError::Configuration(error.to_string()))?;
        let listeners = Arc::new(listeners);
        reloader.listen(&listeners, &loaded).await.map_err(StartError::Configuration)?;
        let mut server =
            Self { shared, reloader: Arc::new(reloader), listeners, admin: None, loaded, inherited };
        server.open_admin()?;
        server.build_matchers();
        server.inherited.settle();
        Ok(server)
    }

    /// Builds beside the first requests what they do not wait for; without a thread to be had they build it.
    fn build_matchers(&self) {
        let snapshot = Arc::clone(&self.loaded.snapshot);
        let thread = std::thread::Builder::new().name("matchers".into());
        thread.spawn(move || snapshot.build_matchers()).map_or_else(
            |error| tracing::warn!("patterns are compiled when they are first needed: {error}"),
            drop,
        );
    }

    /// Where requests are accepted, in the order of the configuration.
    pub(crate) fn bound(&self) -> Vec<Bound> {
        self.listeners.bound()
    }

    /// Addresses and ports that accept requests.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.bound().iter().filter_map(Bound::tcp).collect()
    }

    /// The address of metrics and health.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().and_then(|listening| listening.bound.tcp())
    }

    /// The configuration it started with.
    #[must_use]
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// Reloads on a change of the files that were read, for as long as the server runs.
    pub fn watch_files(&self) {
        crate::watch::watch(Arc::clone(&self.reloader), Arc::clone(&self.shared));
    }

    /// Reads the configuration again and opens log files anew. A bad configuration changes nothing.
    pub async fn reload(&self) {
        self.reloader.reopen();
        self.reloader.reload(&self.shared).await;
    }

    /// Has another process take the listening sockets over, and waits until it is ready; its process id.
    ///
    /// # Errors
    /// It does not start; then nothing has changed.
    pub(crate) async fn hand_over(&self, successor: &Successor) -> io::Result<u32> {
        // What was learned and what rules remember goes on over there.
        self.reloader.save().await;
        let mut sockets = self.listeners.sockets()?;
        sockets.extend(self.admin.as_ref().map(Listening::socket).transpose()?);
        let borrowed: Vec<_> = sockets.iter().map(|(name, socket)| (name.clone(), socket.as_fd())).collect();
        let pid = successor.start(&borrowed).await?;
        self.reloader.leave_collections().await;
        Ok(pid)
    }

    /// Finishes what is in flight, as long as the configuration says, and stops. How many requests were cut off.
    pub async fn stop(mut self, how: Stop) -> usize {
        let times = how.times(self.shared.running.load().snapshot.config().drain);
        let (until, handed_over) = (Instant::now() + times.deadline, how == Stop::HandedOver);
        // Whoever asks whether we are ready asks the other process from now on.
        if handed_over && let Some(admin) = self.admin.take() {
            admin.leave().await;
        }
        self.shared.drain.begin(handed_over);
        // What an authority would look for here it might not find any more.
        self.reloader.stop_certificates().await;
        if !handed_over {
            // Who balances load needs a moment to see that this one is not ready; until then it still sends
            // connections, and those that wait to be accepted would be reset.
            sleep(times.accept).await;
        }
        let idle = times.idle.min(until.saturating_duration_since(Instant::now()));
        self.listeners.close(idle, handed_over).await;
        let left = self.shared.drain.wait(until.saturating_duration_since(Instant::now())).await;
        if let Some(admin) = self.admin {
            admin.leave().await;
        }
        self.reloader.stop_learning().await;
        self.reloader.stop_collections().await;
        self.reloader.flush();
        left
    }

    fn open_admin(&mut self) -> Result<(), StartError> {
        let Some(settings) = &self.loaded.config().admin else { return Ok(()) };
        let app = Admin::new(settings, Arc::clone(&self.shared), Arc::clone(&self.reloader));
        let counters = self.reloader.metrics().connections.of("admin");
        let opened = Listening::plain(settings.address, app, counters, &self.inherited);
        let opened =
            opened.map_err(|error| StartError::Configuration(format!("the admin listener: {error}")));
        self.admin = Some(opened?);
        Ok(())
    }
}

/// The inline proxy, as Pingora runs it.
fn proxy(shared: &Arc<Shared>) -> HttpProxy<Inline> {
    let conf = Arc::new(ServerConf { max_retries: TRIES_MAX, ..ServerConf::default() });
    let mut proxy = http_proxy(&conf, Inline::new(Arc::clone(shared)));
    let mut options = HttpServerOptions::default();
    // Pingora would refuse CONNECT before any hook, uncounted; the inline proxy does it.
    options.allow_connect_method_proxying = true;
    proxy.server_options = Some(options);
    proxy
}

/// Why a proxy stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It was asked to: who sends it requests has to learn that first.
    Drain,
    /// Another process has the sockets.
    HandedOver,
    /// Somebody waits for its end.
    Hurry,
}

impl Stop {
    fn times(self, configured: Drain) -> Drain {
        match self {
            Self::Drain | Self::HandedOver => configured,
            Self::Hurry => Drain { accept: Duration::ZERO, idle: Duration::ZERO, deadline: HURRY },
        }
    }
}

/// How long requests in flight may take where somebody waits.
const HURRY: Duration = Duration::from_secs(1);
/// Tries of one request, at most: upstreams say how many it is (`retries.tries_max`).
const TRIES_MAX: usize = 10;
