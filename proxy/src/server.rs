//! A running proxy: started, reloaded, drained.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use pingora::apps::HttpServerOptions;
use pingora::proxy::http_proxy;
use pingora::server::configuration::ServerConf;

use crate::admin::Admin;
use crate::drain::Drain;
use crate::ids::Ids;
use crate::inline::Inline;
use crate::listen::Listening;
use crate::load::{Loaded, Source};
use crate::reload::Reloader;
use crate::report::Metrics;
use crate::state::Shared;
use crate::wire::Wire;

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
    listeners: Vec<Listening>,
    admin: Option<Listening>,
    loaded: Loaded,
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
        let running = reloader.running(&loaded);
        running.upstreams.start().await;
        let shared = Arc::new(Shared {
            running: Arc::new(ArcSwap::from_pointee(running)),
            drain: Drain::default(),
            ids: Ids::default(),
        });
        reloader.learn(&shared, &loaded).map_err(|error| StartError::Configuration(error.to_string()))?;
        let mut server =
            Self { shared, reloader: Arc::new(reloader), listeners: Vec::new(), admin: None, loaded };
        server.open()?;
        server.build_matchers();
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

    /// The addresses that accept requests.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|listening| listening.address).collect()
    }

    /// The address of metrics and health.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|listening| listening.address)
    }

    /// The configuration it started with.
    #[must_use]
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// Reloads on a change of the files that were read, for as long as the server runs.
    pub fn watch_files(&self) {
        crate::reload::watch(Arc::clone(&self.reloader), Arc::clone(&self.shared));
    }

    /// Reads the configuration again and opens log files anew. A bad configuration changes nothing.
    pub async fn reload(&self) {
        self.reloader.reopen();
        self.reloader.reload(&self.shared).await;
    }

    /// Finishes what is in flight, `deadline` at most, and stops. How many requests were cut off.
    pub async fn stop(self, deadline: Duration) -> usize {
        self.shared.drain.begin();
        // Who balances load needs a moment to see that this one is not ready; until then it still sends
        // connections, and those that wait to be accepted would be reset.
        tokio::time::sleep(LAME_DUCK.min(deadline)).await;
        for listening in self.listeners {
            listening.close().await;
        }
        let left = self.shared.drain.wait(deadline.saturating_sub(LAME_DUCK)).await;
        if let Some(admin) = self.admin {
            admin.close().await;
        }
        self.reloader.stop_learning().await;
        self.reloader.stop_collections();
        self.reloader.flush();
        left
    }

    fn open(&mut self) -> Result<(), StartError> {
        let conf = Arc::new(ServerConf { max_retries: TRIES_MAX, ..ServerConf::default() });
        for listener in &self.loaded.config().listeners {
            let mut app = http_proxy(&conf, Inline::new(Arc::clone(&self.shared)));
            let mut options = HttpServerOptions::default();
            options.h2c = listener.h2c;
            // Pingora would refuse CONNECT before any hook, uncounted; the inline proxy does it.
            options.allow_connect_method_proxying = true;
            app.server_options = Some(options);
            let what = || format!("the listener {}", listener.address);
            let opened = Listening::open(listener.address, Wire::new(app));
            self.listeners.push(opened.map_err(|error| StartError::Open { what: what(), error })?);
        }
        if let Some(settings) = &self.loaded.config().admin {
            let app = Admin::new(settings, Arc::clone(&self.shared), Arc::clone(&self.reloader));
            let what = || format!("the admin listener {}", settings.address);
            let opened = Listening::open(settings.address, app);
            self.admin = Some(opened.map_err(|error| StartError::Open { what: what(), error })?);
        }
        Ok(())
    }
}

/// How long connections are still accepted after the order to stop.
const LAME_DUCK: Duration = Duration::from_secs(1);
/// Servers tried for one request.
const TRIES_MAX: usize = 3;
