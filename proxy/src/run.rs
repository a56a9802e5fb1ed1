//! A proxy as a process: its runtime, its signals, and what it says on standard error.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use engine::config::Config;
use engine::policy::Target;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::handover::{Successor, supervisor};
use crate::load::Source;
use crate::server::{Server, StartError, Stop};
use crate::{open_files, pages};

/// How a proxy is run.
pub struct Options {
    /// The configuration.
    pub source: Arc<dyn Source>,
    /// Worker threads; one a processor when absent.
    pub threads: Option<usize>,
    /// Whether changed files are loaded without being asked.
    pub watch: bool,
}

/// Runs a proxy until it is told to stop: SIGTERM drains, SIGINT does so in a hurry, SIGHUP reloads,
/// SIGUSR2 has a new process take over.
///
/// # Errors
/// Whatever keeps it from starting.
pub fn run(options: Options) -> Result<(), StartError> {
    pages::keep_small();
    open_files::raise();
    let mut builder = Builder::new_multi_thread();
    if let Some(threads) = options.threads {
        builder.worker_threads(threads.max(1));
    }
    let runtime = builder
        .thread_name("portcullis")
        .enable_all()
        .build()
        .map_err(|error| StartError::Open { what: "the runtime".into(), error })?;
    let result = runtime.block_on(serve(options));
    runtime.shutdown_timeout(RUNTIME_STOP);
    result
}

async fn serve(options: Options) -> Result<(), StartError> {
    let mut signals = Signals::new().map_err(|error| StartError::Open { what: "signals".into(), error })?;
    let successor = Successor::of_process()
        .map_err(|error| StartError::Open { what: "the path of this program".into(), error })?;
    let server = Server::start(options.source).await?;
    if options.watch {
        server.watch_files();
    }
    announce(&server);
    let listeners = server.loaded().config().listeners.iter();
    open_files::compare(listeners.map(|listener| listener.limits.connections_max).sum());
    supervisor::ready();
    supervisor::keep_alive();
    let how = loop {
        match signals.next().await {
            Order::Reload => {
                supervisor::reloading();
                server.reload().await;
                supervisor::ready();
            }
            Order::Replace => match server.hand_over(&successor).await {
                Ok(pid) => {
                    tracing::info!(pid, "another process has taken over");
                    supervisor::replaced_by(pid);
                    break Stop::HandedOver;
                }
                Err(error) => tracing::error!(%error, "no other process takes over; this one goes on"),
            },
            Order::Drain => break Stop::Drain,
            Order::Hurry => break Stop::Hurry,
        }
    };
    if how != Stop::HandedOver {
        supervisor::stopping();
    }
    tracing::info!("stopping: requests in flight are finished");
    let hurried = async { while !matches!(signals.next().await, Order::Hurry) {} };
    tokio::select! {
        left = server.stop(how) => if left > 0 {
            tracing::warn!(requests = left, "cut off at the deadline");
        },
        () = hurried => tracing::warn!("stopped at once"),
    }
    Ok(())
}

/// Where requests go, for people.
fn destination(config: &Config, target: &Target) -> String {
    match target {
        Target::Upstream(name) => {
            let servers = config.upstreams.get(name).map(|upstream| &upstream.servers);
            let servers = servers.into_iter().flatten().map(|server| server.address.to_string());
            format!("to {name} ({})", servers.collect::<Vec<_>>().join(", "))
        }
        Target::Elsewhere => "where its gateway sends it".to_owned(),
        Target::Answer(answer) => format!("answers {}", answer.status),
    }
}

/// Says what is inspected and where.
fn announce(server: &Server) {
    let loaded = server.loaded();
    let config = loaded.config();
    let bound = server.bound();
    let (listeners, attached) = bound.split_at(config.listeners.len().min(bound.len()));
    for (address, listener) in listeners.iter().zip(&config.listeners) {
        let scheme = if listener.tls.is_some() { "https" } else { "http" };
        let http2 = listener.tls.as_ref().map_or(listener.h2c, |tls| tls.http2);
        eprintln!("listening on {scheme}://{address}{}", if http2 { " (HTTP/1.1 and HTTP/2)" } else { "" });
    }
    let asked = config.attachments.inspect.iter().map(|inspect| (inspect.dialect.as_str(), "http"));
    let asked = asked.chain(config.attachments.envoy.iter().map(|_| ("envoy", "grpc")));
    let asked = asked.chain(config.attachments.spoe.iter().map(|_| ("HAProxy", "spop")));
    for (address, (who, scheme)) in attached.iter().zip(asked) {
        eprintln!("inspecting for {who} on {scheme}://{address}");
    }
    for asset in &config.assets {
        let policy = &config.policies[asset.policy].name;
        eprintln!("asset {}: {}, policy {policy}", asset.name, destination(config, &asset.target));
    }
    for policy in loaded.snapshot.policies() {
        let rules: usize = policy.sources.iter().map(|source| source.rules.ruleset.rules.len()).sum();
        eprintln!(
            "policy {}: {}, {rules} rules, policy {} rules {}",
            policy.policy.name,
            policy.policy.mode.as_str(),
            policy.policy_hash,
            policy.rules_hash,
        );
    }
    if let Some(address) = server.admin_address() {
        eprintln!("admin on http://{address}: /metrics /livez /readyz /api/v1/config");
    }
    if !loaded.warnings.is_empty() {
        eprintln!("{}", loaded.warnings);
    }
}

enum Order {
    Drain,
    Hurry,
    Reload,
    Replace,
}

struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
    replace: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            replace: signal(SignalKind::user_defined2())?,
        })
    }

    async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.hangup.recv() => Order::Reload,
            _ = self.interrupt.recv() => Order::Hurry,
            _ = self.terminate.recv() => Order::Drain,
            _ = self.replace.recv() => Order::Replace,
        }
    }
}

/// How long the runtime may take to stop.
const RUNTIME_STOP: Duration = Duration::from_secs(1);
