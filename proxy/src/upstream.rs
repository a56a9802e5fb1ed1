//! The applications behind the proxy: their servers, which of them are healthy, and whose turn it is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use engine::config::{Forwarded, HealthCheck, Probe, Server, Upstream, UpstreamProtocol};
use pingora::lb::discovery::ServiceDiscovery;
use pingora::lb::health_check::{HealthCheck as Check, HttpHealthCheck, TcpHealthCheck};
use pingora::lb::selection::RoundRobin;
use pingora::lb::{Backend, Backends, LoadBalancer};
use pingora::upstreams::peer::{ALPN, HttpPeer};
use serde::Serialize;
use tokio::time::{Instant, sleep_until};

/// All upstreams of one configuration.
#[derive(Default)]
pub(crate) struct Upstreams {
    pools: BTreeMap<String, Arc<Pool>>,
}

/// The servers of one upstream.
pub(crate) struct Pool {
    name: String,
    settings: Upstream,
    balancer: LoadBalancer<RoundRobin>,
    /// Counts selections: whose turn it is.
    turn: AtomicUsize,
}

/// What `/readyz` says about one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Health {
    pub(crate) server: String,
    pub(crate) healthy: bool,
}

impl Upstreams {
    /// Upstreams that know no server yet.
    pub(crate) fn new(settings: &BTreeMap<String, Upstream>) -> Self {
        let pool = |(name, upstream): (&String, &Upstream)| {
            (name.clone(), Arc::new(Pool::new(name, upstream.clone())))
        };
        Self { pools: settings.iter().map(pool).collect() }
    }

    /// Resolves all servers once, and again from time to time for as long as this value lives.
    pub(crate) async fn start(&self) {
        for pool in self.pools.values() {
            pool.refresh().await;
            tokio::spawn(watch(Arc::downgrade(pool)));
        }
    }

    /// The upstream of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Pool>> {
        self.pools.get(name)
    }

    /// The health of every server, by upstream.
    pub(crate) fn health(&self) -> BTreeMap<String, Vec<Health>> {
        self.pools.iter().map(|(name, pool)| (name.clone(), pool.health())).collect()
    }
}

impl Pool {
    fn new(name: &str, settings: Upstream) -> Self {
        let mut backends = Backends::new(Box::new(Servers(settings.servers.clone())));
        if let Some(check) = &settings.health_check {
            backends.set_health_check(health_check(check, &settings));
        }
        let balancer = LoadBalancer::from_backends(backends);
        Self { name: name.to_owned(), settings, balancer, turn: AtomicUsize::new(0) }
    }

    /// The name in the configuration.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The next healthy server; `None` when there is none.
    ///
    /// They take turns, as with Pingora's own selection, which hashes each server twice. Who is not checked is
    /// healthy.
    pub(crate) fn peer(&self) -> Option<HttpPeer> {
        let backends = self.balancer.backends();
        let all = backends.get_backend();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % all.len().max(1);
        let mut following = all.iter().skip(turn).chain(all.iter().take(turn));
        let is_checked = self.settings.health_check.is_some();
        let backend = following.find(|backend| !is_checked || backends.ready(backend))?;
        // Only addresses of the Internet are found (`Servers`).
        Some(self.peer_at(*backend.addr.as_inet()?))
    }

    /// What the servers are told about the client.
    pub(crate) fn forwarded(&self) -> Forwarded {
        self.settings.forwarded
    }

    fn peer_at(&self, address: SocketAddr) -> HttpPeer {
        let mut peer = HttpPeer::new(address, false, String::new());
        // The pool of idle connections tells peers apart by address and this key, but not by protocol.
        peer.group_key = u64::from(speaks_h2c(&self.settings));
        let options = &mut peer.options;
        options.connection_timeout = Some(self.settings.connect_timeout);
        options.total_connection_timeout = Some(self.settings.connect_timeout);
        options.read_timeout = Some(self.settings.read_timeout);
        options.write_timeout = Some(self.settings.write_timeout);
        options.idle_timeout = Some(IDLE_TIMEOUT);
        options.alpn = if speaks_h2c(&self.settings) { ALPN::H2 } else { ALPN::H1 };
        peer
    }

    fn health(&self) -> Vec<Health> {
        let backends = self.balancer.backends();
        let all = backends.get_backend();
        all.iter()
            .map(|backend| Health { server: backend.addr.to_string(), healthy: backends.ready(backend) })
            .collect()
    }

    async fn refresh(&self) {
        if let Err(error) = self.balancer.update().await {
            tracing::warn!(upstream = self.name, %error, "servers do not resolve");
        }
    }
}

/// Resolves and checks the servers of a pool for as long as anyone uses it.
async fn watch(pool: Weak<Pool>) {
    let mut resolve_at = Instant::now() + RESOLVE_EVERY;
    loop {
        let Some(held) = pool.upgrade() else { return };
        let now = Instant::now();
        if now >= resolve_at {
            held.refresh().await;
            resolve_at = now + RESOLVE_EVERY;
        }
        let wake = match &held.settings.health_check {
            Some(check) => {
                held.balancer.backends().run_health_check(true).await;
                resolve_at.min(now + check.interval)
            }
            None => resolve_at,
        };
        drop(held);
        sleep_until(wake).await;
    }
}

fn speaks_h2c(upstream: &Upstream) -> bool {
    upstream.protocol == UpstreamProtocol::H2c
}

fn health_check(check: &HealthCheck, upstream: &Upstream) -> Box<dyn Check + Send + Sync> {
    match &check.probe {
        Probe::Path(path) => Box::new(http_check(check, upstream, path)),
        Probe::Tcp => {
            let mut tcp = TcpHealthCheck::new();
            tcp.consecutive_success = check.healthy_after as usize;
            tcp.consecutive_failure = check.unhealthy_after as usize;
            tcp.peer_template.options.connection_timeout = Some(check.timeout);
            tcp
        }
    }
}

fn http_check(check: &HealthCheck, upstream: &Upstream, path: &str) -> HttpHealthCheck {
    let host = upstream.servers.first().map_or_else(|| "localhost".to_owned(), ToString::to_string);
    let mut http = HttpHealthCheck::new(&host, false);
    http.consecutive_success = check.healthy_after as usize;
    http.consecutive_failure = check.unhealthy_after as usize;
    http.peer_template.options.connection_timeout = Some(check.timeout);
    http.peer_template.options.read_timeout = Some(check.timeout);
    if speaks_h2c(upstream) {
        http.peer_template.options.alpn = ALPN::H2;
    }
    if let Ok(uri) = path.parse() {
        http.req.set_uri(uri);
    }
    http
}

/// Finds servers by their names, again and again, because addresses of names change.
struct Servers(Vec<Server>);

#[async_trait]
impl ServiceDiscovery for Servers {
    async fn discover(&self) -> pingora::Result<(BTreeSet<Backend>, HashMap<u64, bool>)> {
        let mut found = BTreeSet::new();
        for server in &self.0 {
            match tokio::net::lookup_host((server.host.as_str(), server.port)).await {
                Ok(addresses) => {
                    found.extend(addresses.filter_map(|address| Backend::new(&address.to_string()).ok()));
                }
                Err(error) => tracing::warn!(%server, %error, "server does not resolve"),
            }
        }
        if found.is_empty() {
            return Err(pingora::Error::explain(pingora::ErrorType::ConnectError, "no server resolves"));
        }
        Ok((found, HashMap::new()))
    }
}

/// How long an idle connection to a server is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How often names are resolved anew.
const RESOLVE_EVERY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(ports: &[u16]) -> Upstream {
        Upstream {
            servers: ports.iter().map(|port| Server { host: "127.0.0.1".into(), port: *port }).collect(),
            protocol: UpstreamProtocol::Http1,
            forwarded: Forwarded::Append,
            connect_timeout: Duration::from_secs(1),
            read_timeout: Duration::from_secs(1),
            write_timeout: Duration::from_secs(1),
            health_check: None,
        }
    }

    #[tokio::test]
    async fn takes_turns() {
        let pool = Pool::new("app", upstream(&[1, 2]));
        pool.refresh().await;
        let peers: BTreeSet<String> =
            (0..4).filter_map(|_| pool.peer()).map(|peer| peer._address.to_string()).collect();
        assert_eq!(peers.into_iter().collect::<Vec<_>>(), ["127.0.0.1:1", "127.0.0.1:2"]);
    }

    #[tokio::test]
    async fn has_no_server_when_all_are_down() {
        let mut settings = upstream(&[1]);
        settings.health_check = Some(HealthCheck {
            probe: Probe::Tcp,
            interval: Duration::from_secs(10),
            timeout: Duration::from_millis(200),
            unhealthy_after: 1,
            healthy_after: 1,
        });
        let pool = Pool::new("app", settings);
        pool.refresh().await;
        assert!(pool.peer().is_some(), "healthy until checked");
        pool.balancer.backends().run_health_check(false).await;
        assert!(pool.peer().is_none());
        assert_eq!(pool.health(), [Health { server: "127.0.0.1:1".into(), healthy: false }]);
    }
}
