//! Everything that operators do to a proxy under load: reloads, new certificates, new binaries, maintenance while another one
//! stands by, a server that dies and comes back. No request fails, no handshake does, and memory stays where it was.
//!
//! `PORTCULLIS_SOAK_SECONDS=120 PORTCULLIS_SOAK_RATE=1000 cargo test --workspace --test inline soak -- --nocapture` is the whole of it;
//! without these it is short.

#[path = "soak/client.rs"]
mod client;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::handover::{Successors, ends, signal};
use super::haproxy::Haproxy;
use super::mortal::Mortal;
use super::process::{Portcullis, Setup, resident_kib};
use super::tls::Authority;
use client::{Client, Tally};
use portcullis_tests::ports;

fn number(name: &str, default: u64) -> u64 {
    let found = std::env::vars_os().find(|(key, _)| key == name);
    found.and_then(|(_, value)| value.to_str()?.parse().ok()).unwrap_or(default)
}

/// What operators do.
struct Operation {
    setup: Setup,
    proxy: Portcullis,
    /// Processes that took over from the first.
    successors: Successors,
    authority: Arc<Authority>,
}

impl Operation {
    /// The process that has the sockets.
    fn newest(&self) -> u32 {
        self.successors.last().unwrap_or_else(|| self.proxy.id())
    }

    /// A new certificate, and an order to load everything anew.
    fn reload(&self) {
        let (certificate, key) = self.authority.issue(&["a.test"], "a");
        // As a program does it that means well: each file at once, one after the other.
        for (name, text) in [("a.crt", certificate), ("a.key", key)] {
            let next = self.proxy.file(&format!("{name}.next"));
            std::fs::write(&next, text).expect("written");
            std::fs::rename(&next, self.proxy.file(name)).expect("renamed");
        }
        assert!(signal(self.newest(), "HUP"));
    }

    /// A new binary.
    fn replace(&mut self) {
        assert!(signal(self.newest(), "USR2"));
        self.successors.newest(&self.proxy);
    }

    /// Maintenance: it ends, somebody else serves meanwhile, and it comes back.
    fn drain(&mut self) {
        let newest = self.newest();
        assert!(signal(newest, "TERM"));
        // Its predecessor may have some clients left; that is the child then.
        assert!(ends(newest) && self.proxy.ends_within(LONG));
        self.successors = Successors::default();
        self.proxy.start_again(&self.setup);
    }
}

/// Three rounds of what operators do, spread over the time; memory that is resident (KiB) after each step, in the process
/// that has the sockets and in the one that stands by.
fn operate(
    operation: &mut Operation,
    standby: Option<&Portcullis>,
    servers: &mut [Mortal],
    time: Duration,
) -> Vec<(i64, i64)> {
    let mut resident = Vec::new();
    let begun = Instant::now();
    for step in 0..ROUNDS * STEPS {
        let due = begun + time * step / (ROUNDS * STEPS);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        match step % STEPS {
            5 => operation.replace(),
            8 if standby.is_some() => operation.drain(),
            _ => operation.reload(),
        }
        match step {
            9 => servers[0].die(),
            18 => servers[0].live(),
            _ => {}
        }
        resident.push((resident_kib(operation.newest()), standby.map_or(0, Portcullis::resident_kib)));
    }
    std::thread::sleep((begun + time).saturating_duration_since(Instant::now()));
    resident
}

/// Each with seven reloads, one new binary and one drain.
const ROUNDS: u32 = 3;
const STEPS: u32 = 9;
/// How long a process may take to end.
const LONG: Duration = Duration::from_secs(20);
/// What may be resident more at the end than in the first round (KiB): threads' heaps are not all used at first.
const MORE_KIB: i64 = 8 << 10;

/// A proxy and the one that stands by, behind HAProxy; alone where that is not installed. Connections end now and then, so that
/// clients come back to the first after each drain.
fn start(authority: &Authority, servers: &[Mortal]) -> (Setup, Portcullis, Option<(Portcullis, Haproxy)>) {
    let (certificate, key) = authority.issue(&["a.test"], "a");
    let files = [("a.crt", &*certificate), ("a.key", &*key)];
    let list: Vec<String> = servers.iter().map(|server| server.address.to_string()).collect();
    let setup = |address: SocketAddr| Setup {
        origin: list.join("\", \""),
        listener: format!(
            "{{ address: \"{address}\", proxy_protocol: [127.0.0.1], \
             limits: {{ keepalive_requests_max: 30 }}, tls: {{ certificates: [{{ certificate: a.crt, key: a.key }}] }} }}"
        ),
        admin: ports::free().to_string(),
        more: "drain: { accept: 1s, idle: 1s, deadline: 4s }".to_owned(),
        ..Setup::new(servers[0].address)
    };
    let (ours, other) = (setup(ports::free()), setup(ports::free()));
    let proxy = Portcullis::start_with(&ours, &files);
    let standby = Portcullis::start_with(&other, &files);
    let haproxy = Haproxy::start((proxy.address, proxy.admin), (standby.address, standby.admin));
    match haproxy {
        Some(haproxy) => (ours, proxy, Some((standby, haproxy))),
        None => {
            let alone =
                Setup { listener: ours.listener.replace(", proxy_protocol: [127.0.0.1]", ""), ..ours };
            drop(proxy);
            let proxy = Portcullis::start_with(&alone, &files);
            (alone, proxy, None)
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operating_it_fails_no_request() {
    let time = Duration::from_secs(number("PORTCULLIS_SOAK_SECONDS", 12));
    let rate = number("PORTCULLIS_SOAK_RATE", 150);
    let authority = Arc::new(Authority::new("test authority"));
    let mut servers: Vec<Mortal> = (0..3).map(|_| Mortal::start()).collect();
    let (setup, proxy, other) = start(&authority, &servers);
    let address = other.as_ref().map_or(proxy.address, |(_, haproxy)| haproxy.address);
    let tally = Arc::new(Tally::default());
    let clients = 16;
    let pause = Duration::from_secs_f64(f64::from(clients) / rate as f64);
    let client = Client::new(address, &authority.pem(), Arc::clone(&tally), pause);
    let tasks: Vec<_> = (0..clients)
        .map(|index| match index % 8 {
            0..=4 => tokio::spawn(client.clone().http1()),
            5 | 6 => tokio::spawn(client.clone().http2()),
            _ => tokio::spawn(client.clone().web_socket()),
        })
        .collect();
    let mut operation = Operation { setup, proxy, successors: Successors::default(), authority };
    let operator = tokio::task::spawn_blocking({
        let tally = Arc::clone(&tally);
        move || {
            let standby = other.as_ref().map(|(standby, _)| standby);
            let begun = Instant::now();
            let resident = operate(&mut operation, standby, &mut servers, time);
            tally.stop.store(true, Ordering::Relaxed);
            // Clients end while there is still somebody to answer them.
            std::thread::sleep(Duration::from_secs(1));
            (resident, begun.elapsed())
        }
    });
    let (resident, took) = operator.await.expect("operated");
    for task in tasks {
        task.await.expect("no panic");
    }
    println!("{took:?}: {:?}; KiB resident: {resident:?}", tally.counts.lock().expect("not poisoned"));
    let failures = tally.failures.lock().expect("not poisoned").clone();
    assert!(failures.is_empty(), "{} failures: {failures:#?}", failures.len());
    assert_flat(&resident);
}

/// In each step of the last round no more is resident than in the same step of the first.
fn assert_flat(resident: &[(i64, i64)]) {
    let steps = STEPS as usize;
    let last = &resident[resident.len() - steps..];
    for (first, last) in resident.iter().zip(last) {
        assert!(last.0 <= first.0 + MORE_KIB && last.1 <= first.1 + MORE_KIB, "{resident:?}");
    }
}
