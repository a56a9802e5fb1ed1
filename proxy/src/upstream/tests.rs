//! Pools without connections, over a clock that stands still.

use std::sync::Arc;
use std::time::Duration;

use engine::Snapshot;
use engine::config::Outlier;
use pingora::protocols::l4::socket::SocketAddr;
use signatures::seclang::MemoryFiles;

use super::clock::Clock;
use super::member::Member;
use super::peer::Transport;
use super::pool::Pool;

/// Settings of an upstream, and a clock.
pub(super) struct Fixture {
    snapshot: Snapshot,
    pub(super) clock: Arc<Clock>,
}

impl Fixture {
    /// One server, which is no name, with these settings more.
    pub(super) fn new(more: &str) -> Self {
        let text = format!(
            "version: 1\nupstreams: {{ app: {{ servers: ['192.0.2.1:80'], {more} }} }}\n\
             assets: [{{ name: a, hosts: ['*'], upstream: app, policy: p }}]\n\
             policies: {{ p: {{ model: none, signatures: {{ rules: [] }} }} }}\n"
        );
        let built = Snapshot::build("p.yaml", &text, &MemoryFiles::default(), 0);
        let (snapshot, _) = built.unwrap_or_else(|found| panic!("{}", found[0].render(false)));
        Self { snapshot, clock: Arc::new(Clock::manual()) }
    }

    /// A pool of so many servers.
    pub(super) fn pool(&self, servers: u8) -> Pool {
        let settings = self.snapshot.config().upstreams["app"].clone();
        let pool = Pool::new("app", settings, self.snapshot.keyring(), Arc::clone(&self.clock));
        pool.set(&(1..=servers).collect::<Vec<_>>());
        pool
    }
}

impl Pool {
    /// Has the first server's name resolve to these addresses.
    pub(super) fn set(&self, hosts: &[u8]) {
        let address = |host: &u8| SocketAddr::Inet(([192, 0, 2, *host], 80).into());
        self.replace(vec![Some(hosts.iter().map(address).collect())]);
    }
}

/// A server of no pool.
pub(super) fn member(address: &str, weight: u32) -> Member {
    let fixture = Fixture::new("");
    let transport = Transport::new(&fixture.snapshot.config().upstreams["app"], fixture.snapshot.keyring());
    let peers = transport.peers(&SocketAddr::Inet(([192, 0, 2, 1], 80).into()), None);
    let address = || address.to_owned();
    Member::new(address(), address(), address(), peers, weight)
}

pub(super) fn outlier(consecutive_failures: u32) -> Outlier {
    Outlier {
        consecutive_failures,
        ejection: Duration::from_secs(30),
        ejected_percent_max: 50,
        statuses: engine::config::Statuses::default(),
    }
}

fn ejected(pool: &Pool) -> Vec<String> {
    pool.health().into_iter().filter(|server| server.ejected).map(|server| server.server).collect()
}

#[test]
fn who_fails_is_left_out_for_a_while() {
    let fixture = Fixture::new("outlier: { consecutive_failures: 3, ejection: 10s }");
    let pool = fixture.pool(4);
    let members = pool.members();
    for _ in 0..2 {
        members.iter().for_each(|member| pool.failed(member));
    }
    assert_eq!(ejected(&pool), Vec::<String>::new());
    members.iter().for_each(|member| pool.failed(member));
    assert_eq!(ejected(&pool), ["192.0.2.1:80", "192.0.2.2:80"], "half of them at most");
    for _ in 0..100 {
        let visit = pool.choose(None).expect("a server");
        assert!(["192.0.2.3:80", "192.0.2.4:80"].contains(&visit.member.address.as_str()));
    }
    fixture.clock.pass(10_000);
    assert_eq!(ejected(&pool), Vec::<String>::new());
}

#[test]
fn the_only_server_is_never_left_out() {
    let pool = Fixture::new("outlier: { consecutive_failures: 1 }").pool(1);
    for _ in 0..10 {
        pool.failed(&pool.members()[0]);
    }
    assert_eq!(ejected(&pool), Vec::<String>::new());
    assert!(pool.choose(None).is_some());
}

#[test]
fn statuses_count_where_that_is_said() {
    for (outlier, status, expected) in [
        ("consecutive_failures: 2", 503, 0),
        ("consecutive_failures: 2, statuses: [500-503]", 503, 1),
        ("consecutive_failures: 2, statuses: [500-503]", 504, 0),
    ] {
        let pool = Fixture::new(&format!("outlier: {{ {outlier} }}")).pool(2);
        for _ in 0..2 {
            pool.answered(&pool.members()[0], status);
        }
        assert_eq!(ejected(&pool).len(), expected, "{outlier} {status}");
    }
}

#[test]
fn servers_keep_what_is_known_of_them() {
    let fixture = Fixture::new("slow_start: 10s, outlier: { consecutive_failures: 1 }");
    let pool = fixture.pool(2);
    let slow = Some(Duration::from_secs(10));
    let first = pool.members()[0].clone();
    assert_eq!(first.readiness(slow, pool.now_ms()), 1000, "all begin together");
    pool.failed(&first);
    first.checked(false, 1, pool.now_ms());
    pool.set(&[1, 3]);
    let after = pool.members();
    assert!(Arc::ptr_eq(&first, &after[0]));
    assert_eq!(after[1].readiness(slow, pool.now_ms()), 100, "who comes later starts slowly");
    pool.replace(vec![None]);
    assert_eq!(pool.members().len(), 2, "a name that does not resolve keeps its addresses");

    let other = Fixture { clock: Arc::clone(&fixture.clock), ..Fixture::new("slow_start: 10s") };
    let settings = other.snapshot.config().upstreams["app"].clone();
    let next = Pool::new("app", settings, other.snapshot.keyring(), Arc::clone(&other.clock));
    assert!(!next.is_same(&pool));
    next.inherit(&pool);
    assert_eq!(ejected(&next), ["192.0.2.1:80"]);
    assert!(next.health()[0].healthy, "nobody would find it healthy again");
    assert_eq!(next.members()[1].readiness(slow, next.now_ms()), 100);
}

#[test]
fn keys_lead_to_the_same_server() {
    let pool = Fixture::new("balance: { hash: client-address }").pool(3);
    for key in 0..50 {
        let chosen = || pool.choose(Some(key)).map(|visit| visit.member.address.clone());
        assert_eq!(chosen(), chosen());
    }
}
