//! Everything that operators do to a proxy under load: reloads, new certificates, new binaries, maintenance while another one
//! stands by, a server that dies and comes back. No request fails, no handshake does, and memory stays where it was.
//!
//! `PORTCULLIS_SOAK_SECONDS=120 PORTCULLIS_SOAK_RATE=1000 cargo test --workspace --test inline soak -- --nocapture` is the whole of it;
//! without these it is short.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::handover::{Successors, ends, signal};
use super::haproxy::Haproxy;
use super::mortal::Mortal;
use super::process::{Portcullis, Setup, resident_kib};
use super::redis::free;
use super::tls::Authority;

/// What happened, by kind.
#[derive(Default)]
struct Tally {
    counts: Mutex<BTreeMap<&'static str, u64>>,
    failures: Mutex<Vec<String>>,
    stop: AtomicBool,
}

impl Tally {
    fn count(&self, kind: &'static str) {
        *self.counts.lock().expect("not poisoned").entry(kind).or_default() += 1;
    }

    fn fail(&self, what: String) {
        self.failures.lock().expect("not poisoned").push(what);
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Who asks.
#[derive(Clone)]
struct Client {
    address: SocketAddr,
    http1: TlsConnector,
    http2: TlsConnector,
    tally: Arc<Tally>,
    /// Time between two requests.
    pause: Duration,
}

impl Client {
    fn new(address: SocketAddr, authority: &str, tally: Arc<Tally>, pause: Duration) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).expect("PEM")).expect("a root");
        let connector = |protocol: &[u8]| {
            let mut config =
                ClientConfig::builder().with_root_certificates(roots.clone()).with_no_client_auth();
            config.alpn_protocols = vec![protocol.to_vec()];
            TlsConnector::from(Arc::new(config))
        };
        Self { address, http1: connector(b"http/1.1"), http2: connector(b"h2"), tally, pause }
    }

    async fn connect(&self, connector: &TlsConnector) -> Option<TlsStream<TcpStream>> {
        let name = ServerName::try_from("a.test").expect("a name");
        let connected = async {
            let stream = TcpStream::connect(self.address).await?;
            connector.connect(name, stream).await
        };
        match timeout(Duration::from_secs(20), connected).await {
            Ok(Ok(stream)) => {
                self.tally.count("handshakes");
                return Some(stream);
            }
            Ok(Err(error)) => self.tally.fail(format!("handshake: {error}")),
            Err(_) => self.tally.fail("handshake: no answer".to_owned()),
        }
        sleep(Duration::from_millis(100)).await;
        None
    }

    /// Requests over connections that are kept as long as the proxy keeps them.
    async fn http1(self) {
        while !self.tally.is_over() {
            let Some(mut stream) = self.connect(&self.http1).await else { continue };
            while !self.tally.is_over() {
                match timeout(Duration::from_secs(20), one_by_http1(&mut stream)).await {
                    Ok(Ok(is_last)) => {
                        self.tally.count("HTTP/1.1");
                        if is_last {
                            break;
                        }
                    }
                    Ok(Err(error)) => {
                        self.tally.fail(format!("HTTP/1.1: {error}"));
                        break;
                    }
                    Err(_) => {
                        self.tally.fail("HTTP/1.1: no answer".to_owned());
                        break;
                    }
                }
                sleep(self.pause).await;
            }
        }
    }

    /// The same over HTTP/2; a connection that is told to go (GOAWAY) is replaced.
    async fn http2(self) {
        while !self.tally.is_over() {
            let Some(stream) = self.connect(&self.http2).await else { continue };
            let Ok((client, connection)) = h2::client::handshake(stream).await else { continue };
            let connection = tokio::spawn(connection);
            let mut client = client.ready().await.ok();
            while let Some(ready) =
                client.take().filter(|_| !self.tally.is_over() && !connection.is_finished())
            {
                match timeout(Duration::from_secs(20), one_by_http2(ready)).await {
                    Ok(Ok(next)) => {
                        self.tally.count("HTTP/2");
                        client = next;
                    }
                    // What came too late for this connection was not begun (RFC 9113, section 6.8).
                    Ok(Err(error))
                        if error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM) =>
                    {
                        self.tally.count("HTTP/2 asked again");
                    }
                    Ok(Err(error)) => self.tally.fail(format!("HTTP/2: {error}")),
                    Err(_) => self.tally.fail("HTTP/2: no answer".to_owned()),
                }
                sleep(self.pause).await;
            }
            connection.abort();
        }
    }

    /// Messages over a WebSocket, which ends when the process it goes through does.
    async fn web_socket(self) {
        while !self.tally.is_over() {
            let Some(mut stream) = self.connect(&self.http1).await else { continue };
            let head =
                "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
            let mut answer = [0; 512];
            let upgraded = async {
                stream.write_all(head.as_bytes()).await?;
                stream.read(&mut answer).await
            };
            match timeout(Duration::from_secs(20), upgraded).await {
                Ok(Ok(read)) if answer[..read].starts_with(b"HTTP/1.1 101") => self.tally.count("WebSockets"),
                other => {
                    self.tally.fail(format!("WebSocket: {other:?}"));
                    continue;
                }
            }
            while !self.tally.is_over() {
                let (mut back, message) = ([0; 4], b"ping");
                let echoed = async {
                    stream.write_all(message).await?;
                    stream.read_exact(&mut back).await
                };
                match timeout(Duration::from_secs(20), echoed).await {
                    Ok(Ok(_)) => self.tally.count("WebSocket messages"),
                    _ => break,
                }
                sleep(self.pause).await;
            }
        }
    }
}

/// Whether the connection ends with this answer.
async fn one_by_http1(stream: &mut TlsStream<TcpStream>) -> std::io::Result<bool> {
    stream.write_all(b"GET /echo HTTP/1.1\r\nHost: a.test\r\n\r\n").await?;
    let mut answer = Vec::new();
    let broken = |what: &[u8]| std::io::Error::other(format!("{:?}", String::from_utf8_lossy(what)));
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(broken(&answer));
        }
        let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if !head.starts_with("http/1.1 200") || length.is_none() {
            return Err(broken(&answer));
        }
        if length.is_some_and(|length| body.len() >= length) {
            return Ok(head.contains("connection: close"));
        }
    }
}

type H2 = h2::client::SendRequest<Bytes>;

async fn one_by_http2(client: H2) -> Result<Option<H2>, h2::Error> {
    let mut client = client.ready().await?;
    let request = http::Request::get("https://a.test/echo").body(()).expect("a head");
    let (answer, _) = client.send_request(request, true)?;
    let answer = answer.await?;
    assert_eq!(answer.status(), 200);
    let mut body = answer.into_body();
    while let Some(chunk) = body.data().await {
        let length = chunk?.len();
        let _ = body.flow_control().release_capacity(length);
    }
    Ok(client.ready().await.ok())
}

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
    mut operation: Operation,
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

/// A proxy and the one that stands by, behind HAProxy; alone where that is not installed.
fn start(authority: &Authority, servers: &[Mortal]) -> (Setup, Portcullis, Option<(Portcullis, Haproxy)>) {
    let (certificate, key) = authority.issue(&["a.test"], "a");
    let files = [("a.crt", &*certificate), ("a.key", &*key)];
    let list: Vec<String> = servers.iter().map(|server| server.address.to_string()).collect();
    let setup = |address: SocketAddr| Setup {
        origin: list.join("\", \""),
        listener: format!(
            "{{ address: \"{address}\", proxy_protocol: [127.0.0.1], \
             tls: {{ certificates: [{{ certificate: a.crt, key: a.key }}] }} }}"
        ),
        admin: free().to_string(),
        more: "drain: { accept: 1s, idle: 1s, deadline: 4s }".to_owned(),
        ..Setup::new(servers[0].address)
    };
    let (ours, other) = (setup(free()), setup(free()));
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
    let operation = Operation { setup, proxy, successors: Successors::default(), authority };
    let operator = tokio::task::spawn_blocking({
        let tally = Arc::clone(&tally);
        move || {
            let standby = other.as_ref().map(|(standby, _)| standby);
            let begun = Instant::now();
            let resident = operate(operation, standby, &mut servers, time);
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
