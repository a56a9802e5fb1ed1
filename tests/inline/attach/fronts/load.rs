//! Many requests at full speed, while the agent is killed and started again, through gateways that let requests by meanwhile: each
//! request is inspected, or counted by its gateway as one that was not.
//!
//! `cargo test --workspace --test inline fronts::load -- --ignored --nocapture` runs all of it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::super::super::origin::Origin;
use super::super::super::process::{Portcullis, resident_kib};
use super::{Places, address, envoy, lua, nginx, spoe, table};

/// What clients got.
#[derive(Default)]
struct Got {
    passed: AtomicU64,
    refused: AtomicU64,
    others: AtomicU64,
    /// Hostile ones that came through.
    through: AtomicU64,
}

impl Got {
    fn all(&self) -> u64 {
        [&self.passed, &self.refused, &self.others].iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

/// What a gateway says became of requests.
#[derive(Debug, Default, PartialEq)]
struct Counted {
    passed: u64,
    refused: u64,
    unasked: u64,
    /// How many it said, in another place, that nobody was asked about.
    said_unasked: u64,
}

impl Counted {
    fn all(&self) -> u64 {
        self.passed + self.refused + self.unasked
    }
}

/// A gateway that fails open, how it counts, and its process.
struct Loaded {
    name: &'static str,
    address: SocketAddr,
    process: u32,
    counted: Box<dyn Fn() -> Counted>,
    /// What it may grow by (KiB): its logs go to files, and connections have buffers.
    grows_kib: i64,
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// One client's requests, one after the other.
fn client(address: SocketAddr, requests: u64, got: &Got) {
    let kinds: [(String, bool); 6] = [
        ("GET /?a=1 HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), false),
        ("GET /?a=hostileword HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), true),
        (format!("POST / HTTP/1.1\r\nHost: h\r\n{FORM}Content-Length: 3\r\n\r\na=b"), false),
        (format!("POST / HTTP/1.1\r\nHost: h\r\n{FORM}Content-Length: 13\r\n\r\na=hostileword"), true),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n"
                .to_owned(),
            false,
        ),
        ("GET /a/b?c=d HTTP/1.1\r\nHost: h\r\nCookie: a=b\r\n\r\n".to_owned(), false),
    ];
    let mut stream = None;
    for (request, is_hostile) in kinds.iter().cycle().take(usize::try_from(requests).expect("small")) {
        let mut connection = stream.take().unwrap_or_else(|| {
            let stream = TcpStream::connect(address).expect("connected");
            stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
            stream
        });
        connection.write_all(request.as_bytes()).expect("sent");
        let (status, is_kept) = answer(&mut connection);
        let count = match status {
            200 => &got.passed,
            403 => &got.refused,
            _ => &got.others,
        };
        count.fetch_add(1, Ordering::Relaxed);
        if *is_hostile && status == 200 {
            got.through.fetch_add(1, Ordering::Relaxed);
        }
        stream = is_kept.then_some(connection);
    }
}

/// Reads an answer; whether the connection goes on after it.
fn answer(stream: &mut TcpStream) -> (u16, bool) {
    let (mut text, mut bytes) = (Vec::new(), [0; 8192]);
    loop {
        let read = stream.read(&mut bytes).expect("an answer");
        assert!(read > 0, "no answer: {}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&bytes[..read]);
        let Some(end) = text.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&text[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
        if text.len() >= end + 4 + length {
            let status = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
            return (status, !head.contains("connection: close"));
        }
    }
}

const CLIENTS: u64 = 16;

fn run(address: SocketAddr, requests: u64, got: &Arc<Got>) {
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let got = Arc::clone(got);
            std::thread::spawn(move || client(address, requests / CLIENTS, &got))
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().expect("no panic"));
}

/// The agent, killed and started again each time that as many more requests were answered; its memory at the end of each life.
fn lives(mut agent: Portcullis, restarts: u64, every: u64, got: &Got) -> (Portcullis, Vec<i64>) {
    let mut kib = Vec::new();
    for life in 1..=restarts {
        while got.all() < life * every {
            std::thread::sleep(Duration::from_millis(5));
        }
        kib.push(agent.resident_kib());
        agent = agent.kill().start();
    }
    (agent, kib)
}

#[track_caller]
fn check(agent: Portcullis, loaded: &Loaded, requests: u64, restarts: u64) {
    let got = Arc::new(Got::default());
    let Loaded { name, address, process, counted, grows_kib } = loaded;
    // Warm, so that what is allocated once is allocated.
    let warm = requests / 10 / CLIENTS * CLIENTS;
    run(*address, warm, &got);
    let (before_kib, begun) = (resident_kib(*process), Instant::now());
    let rest = (requests - warm) / CLIENTS * CLIENTS;
    let living = std::thread::spawn({
        let (got, every) = (Arc::clone(&got), requests / (restarts + 1));
        move || lives(agent, restarts, every, &got)
    });
    run(*address, rest, &got);
    let took = begun.elapsed();
    let (agent, mut agent_kib) = living.join().expect("no panic");
    agent_kib.push(agent.resident_kib());
    let after_kib = resident_kib(*process);
    let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let (passed, refused, others) = (load(&got.passed), load(&got.refused), load(&got.others));
    let until = Instant::now() + Duration::from_secs(20);
    let mut said = counted();
    // Logs are written behind answers, and not all at the same time.
    while said.all() < warm + rest && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
        said = counted();
    }
    println!(
        "{name}: {} requests, {restarts} restarts, {took:?}: clients got {passed} 200, {refused} 403, {others} others, {} hostile came \
         through; the gateway counted {said:?}; its memory {before_kib} KiB, after {after_kib} KiB; the agent's at the end of each life \
         {agent_kib:?} KiB",
        warm + rest,
        load(&got.through),
    );
    assert_eq!(others, 0, "{name}");
    assert_eq!((passed, refused), (said.passed + said.unasked, said.refused), "{name}");
    assert_eq!(warm + rest, said.all(), "{name}");
    assert_eq!(said.unasked, said.said_unasked, "{name}: what nobody was asked about was said");
    assert!(load(&got.through) <= said.unasked, "{name}");
    assert!(after_kib < before_kib + grows_kib, "{name}: memory grows");
    let most = agent_kib.iter().max().expect("one");
    assert!(*most < agent_kib[0] + 32_768, "{name}: the agent's memory grows: {agent_kib:?}");
}

fn start() -> (Origin, Portcullis) {
    let origin = Origin::start();
    let agent = Portcullis::start_yaml(&Places::unix().yaml(origin.address, "", ""), table::RULES);
    (origin, agent)
}

/// Envoy counts what it lets by, and its access log has what was thought of the rest.
fn by_envoy(setup: &envoy::Setup, counter: &'static str, requests: u64, restarts: u64) {
    let (origin, agent) = start();
    let place = agent.inspect[3].trim_start_matches("unix:").to_owned();
    let Some(envoy) = envoy::Gateway::start(setup, &place, origin.address, None) else { return };
    let (address, process, envoy) = (envoy.address, envoy.id(), Arc::new(envoy));
    let counted = move || {
        let lines = envoy.access(0);
        let count =
            |wanted: &dyn Fn(&String) -> bool| lines.iter().filter(|line| wanted(line)).count() as u64;
        let refused = count(&|line| line.contains(" 403 "));
        let unasked = count(&|line| !line.contains("\"verdict\""));
        // Who was killed after its answer counts as well: Envoy counts more than what it let by, and never less.
        let allowed = envoy.counter(counter);
        assert!(allowed >= unasked, "{allowed} of {unasked} are counted");
        Counted { passed: lines.len() as u64 - refused - unasked, refused, unasked, said_unasked: unasked }
    };
    let loaded = Loaded { name: counter, address, process, counted: Box::new(counted), grows_kib: 65_536 };
    check(agent, &loaded, requests, restarts);
}

fn by_processing(requests: u64, restarts: u64) {
    let setup = envoy::Setup::process("BUFFERED", "NONE", "failure_mode_allow: true");
    by_envoy(&setup, "ext_proc.failure_mode_allowed", requests, restarts);
}

fn by_checking(requests: u64, restarts: u64) {
    by_envoy(&envoy::Setup::check(1 << 20, true), "ext_authz.failure_mode_allowed", requests, restarts);
}

/// HAProxy's log says of each request what was thought of it, or that nobody was asked.
fn by_haproxy(requests: u64, restarts: u64) {
    let (origin, agent) = start();
    let place = agent.inspect[4].replace("unix:", "unix@");
    // With several threads that write at once HAProxy leaves lines of its log out now and then.
    let changes =
        [("inter 500ms", "inter 100ms"), ("log stderr local0", "log stderr local0\n    nbthread 1")];
    let Some(haproxy) = spoe::Gateway::start_at(&place, origin.address, "open", &changes) else { return };
    let (process, address) = (haproxy.id(), address(&haproxy.base));
    let counted = move || {
        let log = haproxy.log();
        let count = |what: &str| log.matches(what).count() as u64;
        let unasked = count("/unasked ");
        Counted {
            passed: count("/pass/allow "),
            refused: count("/prevent/deny "),
            unasked,
            said_unasked: unasked,
        }
    };
    let loaded = Loaded { name: "HAProxy", address, process, counted: Box::new(counted), grows_kib: 32_768 };
    check(agent, &loaded, requests, restarts);
}

/// nginx's access log has the id of what passed, and its dictionary how many requests nobody was asked about.
fn by_lua(requests: u64, restarts: u64) {
    let (origin, agent) = start();
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("judged");
    let more = format!("access_log {} judged; keepalive_requests 100000;", log.display());
    let Some(gateway) = lua::gateway_at(&agent.inspect[0], "300", origin.address, "open", &more) else {
        return;
    };
    let (process, address) = (worker(&gateway), address(&gateway.base));
    let counted = move || {
        let lines = std::fs::read_to_string(&log).unwrap_or_default();
        let (mut passed, mut refused, mut bare) = (0, 0, 0);
        for line in lines.lines() {
            match line.split_once(' ') {
                Some(("403", _)) => refused += 1,
                Some((_, "-")) => bare += 1,
                _ => passed += 1,
            }
        }
        let said_unasked = lua::missed(&gateway);
        let _ = &directory;
        Counted { passed, refused, unasked: bare, said_unasked }
    };
    let loaded = Loaded { name: "Lua", address, process, counted: Box::new(counted), grows_kib: 32_768 };
    check(agent, &loaded, requests, restarts);
}

fn worker(gateway: &nginx::Gateway) -> u32 {
    let master = gateway.master();
    let children =
        std::fs::read_to_string(format!("/proc/{master}/task/{master}/children")).expect("children");
    children.split_whitespace().next().and_then(|pid| pid.parse().ok()).expect("a worker")
}

#[test]
fn envoy_under_some_load() {
    by_processing(2_000, 2);
    by_checking(2_000, 2);
}

#[test]
fn haproxy_under_some_load() {
    by_haproxy(2_000, 2);
}

#[test]
fn lua_under_some_load() {
    by_lua(2_000, 2);
}

#[test]
#[ignore = "takes minutes"]
fn envoy_under_load() {
    by_processing(200_000, 10);
    by_checking(200_000, 10);
}

#[test]
#[ignore = "takes minutes"]
fn haproxy_under_load() {
    by_haproxy(200_000, 10);
}

#[test]
#[ignore = "takes minutes"]
fn lua_under_load() {
    by_lua(200_000, 10);
}
