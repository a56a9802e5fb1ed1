//! The servers of one upstream.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use engine::config::{Balance, HealthCheck, Outlier, Server, ServerAddress, Upstream, UpstreamHost};
use engine::tls::Keyring;
use http::{HeaderMap, HeaderValue};
use pingora::protocols::l4::socket::SocketAddr;

use super::clock::Clock;
use super::member::{Health, Member, Visit};
use super::peer::Transport;
use super::select::{Circumstances, Members};
use super::{discover, key};
use crate::inline::Telling;

/// The servers of one upstream.
pub(crate) struct Pool {
    name: String,
    settings: Upstream,
    transport: Transport,
    clock: Arc<Clock>,
    members: ArcSwap<Members>,
    /// Counts selections: whose turn it is.
    turn: AtomicU64,
    /// What the servers' names resolved to last, in their order. Held while members are replaced.
    found: Mutex<Vec<Vec<SocketAddr>>>,
    /// Held while it is decided whether a server may be ejected, so that not two are at once.
    ejecting: Mutex<()>,
}

impl Pool {
    /// A pool that knows no server yet.
    pub(super) fn new(name: &str, settings: Upstream, keyring: &Keyring, clock: Arc<Clock>) -> Self {
        Self {
            name: name.to_owned(),
            transport: Transport::new(&settings, keyring),
            clock,
            members: ArcSwap::default(),
            turn: AtomicU64::new(0),
            found: Mutex::new(vec![Vec::new(); settings.servers.len()]),
            ejecting: Mutex::default(),
            settings,
        }
    }

    /// Whether a pool with these settings would be the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.settings == other.settings && self.transport.is_same(&other.transport)
    }

    /// Takes over what another pool knows of the servers that are in both.
    pub(super) fn inherit(&self, before: &Self) {
        let mut mine = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let theirs = before.found.lock().unwrap_or_else(PoisonError::into_inner);
        for (index, server) in self.settings.servers.iter().enumerate() {
            let same = before.settings.servers.iter().position(|other| other.address == server.address);
            if let Some(found) = same.and_then(|at| theirs.get(at)) {
                mine[index].clone_from(found);
            }
        }
        let members = self.arrange(&mine);
        let known = before.members();
        for member in &members {
            match known.iter().find(|other| other.identity == member.identity) {
                Some(known) => member.inherit(known, self.settings.health_check.is_some()),
                None if !known.is_empty() => member.join(self.clock.now_ms()),
                None => {}
            }
        }
        self.members.store(Arc::new(Members::new(members)));
    }

    /// The name in the configuration.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What it is made of.
    pub(crate) fn settings(&self) -> &Upstream {
        &self.settings
    }

    /// What the servers are told about the client.
    pub(crate) fn telling(&self) -> Telling {
        Telling::new(self.settings.forwarded, &self.settings.forwarded_headers)
    }

    /// The time (ms), as pools see it.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// The key of a request, where keys lead to servers.
    pub(crate) fn key(&self, headers: &HeaderMap, client: impl FnOnce() -> IpAddr) -> Option<u64> {
        match &self.settings.balance {
            Balance::Hash(key) => key::of(key, headers, client()),
            Balance::RoundRobin | Balance::LeastRequests => None,
        }
    }

    /// The server that gets a request with this key; `None` when there is none.
    pub(crate) fn choose(&self, key: Option<u64>) -> Option<Visit> {
        self.choose_at(self.turn.fetch_add(1, Ordering::Relaxed), key, &[])
    }

    /// The server that gets it after another failed, none of those that were tried. It takes nobody's turn: of two servers,
    /// the one that fails would otherwise be the first for every request.
    pub(crate) fn choose_again(&self, key: Option<u64>, tried: &[Arc<Member>]) -> Option<Visit> {
        self.choose_at(self.turn.load(Ordering::Relaxed), key, tried)
    }

    fn choose_at(&self, turn: u64, key: Option<u64>, tried: &[Arc<Member>]) -> Option<Visit> {
        let members = self.members.load();
        let (now_ms, slow_start) = (self.clock.now_ms(), self.settings.slow_start);
        let at = Circumstances { now_ms, slow_start, turn, tried };
        let chosen = match (&self.settings.balance, key) {
            (Balance::LeastRequests, _) => members.least_busy(at),
            (Balance::Hash(_), Some(key)) => members.for_key(key, at),
            (Balance::RoundRobin | Balance::Hash(_), _) => members.in_turn(at),
        };
        chosen.map(|member| Visit::new(Arc::clone(member)))
    }

    /// The Host that a server gets; `None` for the client's.
    pub(crate) fn host(&self, member: &Member) -> Option<HeaderValue> {
        match &self.settings.host {
            UpstreamHost::Keep => None,
            UpstreamHost::Fixed(host) => HeaderValue::from_str(host).ok(),
            UpstreamHost::ServerName => HeaderValue::from_str(&member.host).ok(),
        }
    }

    /// The Host of checks.
    pub(super) fn check_host(&self, member: &Member) -> String {
        match &self.settings.host {
            UpstreamHost::Fixed(host) => host.clone(),
            UpstreamHost::Keep | UpstreamHost::ServerName => member.host.clone(),
        }
    }

    /// A server answered with this status.
    pub(crate) fn answered(&self, member: &Arc<Member>, status: u16) {
        let outlier = self.settings.outlier.as_ref();
        if outlier.is_some_and(|outlier| outlier.statuses.contains(status)) {
            self.failed(member);
        } else {
            member.succeeded();
        }
    }

    /// A server did not answer.
    pub(crate) fn failed(&self, member: &Arc<Member>) {
        if let Some(outlier) = self.settings.outlier.as_ref().filter(|outlier| member.failed(outlier)) {
            self.eject(member, outlier);
        }
    }

    fn eject(&self, member: &Arc<Member>, outlier: &Outlier) {
        let _alone = self.ejecting.lock().unwrap_or_else(PoisonError::into_inner);
        let (now_ms, members) = (self.clock.now_ms(), self.members.load());
        let out = members.list.iter().filter(|member| member.is_ejected(now_ms)).count();
        let most = members.list.len() * outlier.ejected_percent_max as usize / 100;
        if member.is_ejected(now_ms) || out >= most {
            return;
        }
        let time = member.eject(outlier, now_ms);
        let (upstream, server) = (self.name.as_str(), member.address.as_str());
        tracing::warn!(
            upstream,
            server,
            seconds = time.as_secs(),
            "server fails, and gets no requests for a while"
        );
    }

    /// What a check found.
    pub(super) fn checked(&self, member: &Member, check: &HealthCheck, found: Result<(), String>) {
        let passed = found.is_ok();
        let changes_after = if passed { check.healthy_after } else { check.unhealthy_after };
        if !member.checked(passed, changes_after, self.clock.now_ms()) {
            return;
        }
        let (upstream, server) = (self.name.as_str(), member.address.as_str());
        match found {
            Ok(()) => tracing::info!(upstream, server, "server is healthy"),
            Err(reason) => tracing::warn!(upstream, server, reason, "server is not healthy"),
        }
    }

    /// All servers.
    pub(super) fn members(&self) -> Vec<Arc<Member>> {
        self.members.load().list.clone()
    }

    /// Whether its servers are not known yet.
    pub(super) fn is_empty(&self) -> bool {
        self.members.load().list.is_empty()
    }

    /// What is known of each server.
    pub(crate) fn health(&self) -> Vec<Health> {
        let now_ms = self.clock.now_ms();
        self.members.load().list.iter().map(|member| member.health(now_ms)).collect()
    }

    /// Resolves all names. Those that do not resolve keep their addresses.
    pub(super) async fn refresh(&self) {
        let mut found = Vec::new();
        for server in &self.settings.servers {
            let addresses = discover::addresses(server).await;
            if let Err(error) = &addresses {
                tracing::warn!(upstream = self.name, server = %server.address, %error, "server does not resolve");
            }
            found.push(addresses.ok());
        }
        self.replace(found);
    }

    pub(super) fn replace(&self, found: Vec<Option<Vec<SocketAddr>>>) {
        let mut held = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        for (held, found) in held.iter_mut().zip(found) {
            if let Some(found) = found {
                *held = found;
            }
        }
        let before = self.members.load();
        let mut members = self.arrange(&held);
        for member in &mut members {
            let known = before.list.iter().find(|other| other.identity == member.identity);
            match known {
                Some(known) => *member = Arc::clone(known),
                None if !before.list.is_empty() => member.join(self.clock.now_ms()),
                None => {}
            }
        }
        let same = |(one, other): (&Arc<Member>, &Arc<Member>)| Arc::ptr_eq(one, other);
        if members.len() != before.list.len() || !members.iter().zip(&before.list).all(same) {
            self.members.store(Arc::new(Members::new(members)));
        }
    }

    /// The servers at these addresses, each once, in the order of the configuration.
    fn arrange(&self, found: &[Vec<SocketAddr>]) -> Vec<Arc<Member>> {
        let mut members: Vec<Arc<Member>> = Vec::new();
        let all = self.settings.servers.iter().zip(found);
        for (server, address) in all.flat_map(|(server, found)| found.iter().map(move |at| (server, at))) {
            let member = self.member(server, address);
            if members.len() < MEMBERS_MAX && !members.iter().any(|other| other.identity == member.identity) {
                members.push(Arc::new(member));
            }
        }
        members
    }

    fn member(&self, server: &Server, address: &SocketAddr) -> Member {
        let named = self.transport.names_servers() || self.settings.host == UpstreamHost::ServerName;
        let shown = match (address, &server.address) {
            (SocketAddr::Inet(address), _) => address.to_string(),
            (_, path) => path.to_string(),
        };
        let identity = match server.address.host().filter(|_| named) {
            Some(host) => format!("{host}@{shown}"),
            None => shown.clone(),
        };
        let peers = self.transport.peers(address, server.address.host());
        Member::new(identity, shown, self.host_of(server), peers, server.weight)
    }

    /// The Host that stands for a server: without the port where everybody expects that one.
    fn host_of(&self, server: &Server) -> String {
        let usual = if self.settings.tls.is_some() { ":443" } else { ":80" };
        match &server.address {
            ServerAddress::Tcp { .. } => {
                let host = server.address.to_string();
                host.strip_suffix(usual).map(str::to_owned).unwrap_or(host)
            }
            ServerAddress::Unix(_) => "localhost".to_owned(),
        }
    }
}

/// Servers of one pool, all addresses of all names.
const MEMBERS_MAX: usize = 1024;
