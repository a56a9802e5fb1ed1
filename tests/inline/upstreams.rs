//! Several servers of one upstream: who gets a request, and what is sent twice.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use portcullis_tests::ports;

use super::curl;
use super::origin::Origin;
use super::process::{Portcullis, Setup};
use super::streams::{connect, read_until};

/// A server that does one thing with every request.
struct Server {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

/// What it does.
#[derive(Clone, Copy)]
enum Does {
    /// Answers with this status, and keeps the connection.
    Answer(u16),
    /// Closes the connection.
    Close,
    /// Answers the first request of a connection, and closes it at the next.
    CloseLater,
    /// Nothing.
    Nothing,
}

impl Server {
    fn start(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let count = Arc::clone(&count);
                std::thread::spawn(move || serve(stream, does, &count));
            }
        });
        Self { address, requests }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: TcpStream, does: Does, count: &AtomicUsize) {
    let mut served = 0;
    while read_request(&mut stream) {
        count.fetch_add(1, Ordering::SeqCst);
        let status = match does {
            Does::Answer(status) => status,
            Does::CloseLater if served == 0 => 200,
            Does::Close | Does::CloseLater => return,
            Does::Nothing => {
                std::thread::sleep(Duration::from_secs(20));
                return;
            }
        };
        served += 1;
        let port = stream.local_addr().expect("bound").port().to_string();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{port}", port.len());
        if stream.write_all(head.as_bytes()).is_err() {
            return;
        }
    }
}

/// Reads a head, and a body whose length it tells.
fn read_request(stream: &mut TcpStream) -> bool {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return false,
        }
    }
    let text = String::from_utf8_lossy(&head).to_lowercase();
    let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next()?.parse().ok());
    stream.read_exact(&mut vec![0; length.unwrap_or(0)]).is_ok()
}

fn proxy(servers: &[SocketAddr], upstream: &str) -> Portcullis {
    let servers: Vec<_> = servers.iter().map(ToString::to_string).collect();
    let setup = Setup::new(ports::free());
    Portcullis::start(&Setup { origin: servers.join("\", \""), upstream: upstream.to_owned(), ..setup })
}

const SHORT: &[u8] = b"note=x";

fn long() -> Vec<u8> {
    [&b"note="[..], &[b'x'; 200_000]].concat()
}

#[test]
fn who_refuses_a_connection_is_passed_by_and_then_left_out() {
    let origin = Origin::start();
    let dead = ports::free();
    let proxy = proxy(&[dead, origin.address], "outlier: { consecutive_failures: 3 }");
    for way in curl::WAYS {
        for body in [SHORT, &long()] {
            for _ in 0..3 {
                assert_eq!(curl::post(way, body, &proxy.url("/")).status, 200, "{way:?}");
            }
        }
    }
    assert_eq!(origin.completed(), 18);
    let retries = proxy.metric("portcullis_upstream_retries_total{reason=\"connect\",upstream=\"app\"}");
    assert_eq!(retries, 3.0, "{}", proxy.admin("/metrics"));
    let ejections = format!("portcullis_upstream_ejections_total{{server=\"{dead}\",upstream=\"app\"}}");
    assert_eq!(proxy.metric(&ejections), 1.0, "{}", proxy.admin("/metrics"));
    assert_eq!(proxy.metric("portcullis_upstream_servers{state=\"ejected\",upstream=\"app\"}"), 1.0);
    assert!(proxy.admin("/readyz").contains("\"ejected\": true"));
    assert!(proxy.said().contains("gets no requests for a while"), "{}", proxy.said());
    // What is known of servers stays when something else is changed.
    proxy.signal("HUP");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(proxy.metric(&ejections), 1.0);
    assert_eq!(curl::get(&proxy.url("/")).status, 200);
    assert_eq!(proxy.metric("portcullis_upstream_retries_total{reason=\"connect\",upstream=\"app\"}"), 3.0);
}

#[test]
fn an_outage_is_said_now_and_then_of_each_upstream() {
    let setup = Setup {
        upstreams: format!("other: {{ servers: [\"{}\"] }}", ports::free()),
        assets: "{ name: other, hosts: [other.test], upstream: other, policy: default }".to_owned(),
        ..Setup::new(ports::free())
    };
    let (proxy, begun) = (Portcullis::start(&setup), Instant::now());
    for (host, upstream) in [("shop.test", "app"), ("other.test", "other")] {
        for _ in 0..5 {
            let answer = curl::run(&[&format!("-HHost: {host}")], None, &proxy.url("/"));
            assert!(answer.status >= 500, "{upstream}: {}", answer.status);
        }
        let (metrics, name) = (proxy.admin("/metrics"), format!("upstream=\"{upstream}\""));
        let counted = metrics.lines().filter(|it| it.starts_with("portcullis_upstream_errors_total"));
        let counted = counted.filter(|it| it.contains(&name)).filter_map(|it| it.rsplit(' ').next());
        let counted: f64 = counted.filter_map(|it| it.parse::<f64>().ok()).sum();
        assert!(counted >= 5.0, "{upstream}: each is counted\n{metrics}");
    }
    let until = Instant::now() + Duration::from_secs(10);
    while !proxy.said().contains("upstream=\"other\"") && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    let said = proxy.said();
    let most = 1 + usize::try_from(begun.elapsed().as_secs() / 10).expect("a short test");
    for upstream in ["app", "other"] {
        let name = format!("upstream=\"{upstream}\"");
        let lines = said.lines().filter(|it| it.contains("no answer from the application"));
        let lines = lines.filter(|it| it.contains(&name) && it.contains("requests=")).count();
        assert!((1..=most).contains(&lines), "{upstream}: {lines}\n{said}");
    }
    assert!(!said.contains("Fail to proxy"), "nor does anyone else say each\n{said}");
}

#[test]
fn what_may_be_acted_on_twice_is_sent_once() {
    let all = "retries: { tries_max: 4, on: [connect, stale, reset, timeout, 503] }, read_timeout: 500ms";
    let (get, put, post) = (&["-XGET"][..], &["-XPUT"][..], &["-XPOST"][..]);
    let long = &long()[..];
    for (does, upstream, arguments, body, status, requests) in [
        (Does::Close, all, get, None, 502, 4),
        (Does::Close, all, put, Some(SHORT), 502, 4),
        (Does::Close, all, post, Some(SHORT), 502, 1),
        (Does::Close, all, post, None, 502, 1),
        (Does::Close, all, post, Some(long), 502, 1),
        // Longer than what is kept of a body to send it again.
        (Does::Close, all, put, Some(long), 502, 1),
        (Does::Close, "", get, None, 502, 1),
        (Does::Nothing, all, post, Some(SHORT), 504, 1),
        (Does::Nothing, all, get, None, 504, 1),
        (Does::Answer(503), all, post, Some(SHORT), 503, 1),
        (Does::Answer(503), all, get, None, 503, 1),
    ] {
        let server = Server::start(does);
        let proxy = proxy(&[server.address], upstream);
        let answer = curl::run(arguments, body, &proxy.url("/"));
        let found = (answer.status, server.requests());
        assert_eq!(found, (status, requests), "{upstream} {arguments:?} {:?}", body.map(<[u8]>::len));
    }
}

#[test]
fn another_server_may_answer_better() {
    let all = "retries: { on: [connect, stale, reset, timeout, 503], per_try_timeout: 300ms }";
    for (does, reason) in [(Does::Close, "reset"), (Does::Answer(503), "status"), (Does::Nothing, "timeout")]
    {
        let (bad, good) = (Server::start(does), Server::start(Does::Answer(200)));
        let proxy = proxy(&[bad.address, good.address], all);
        for _ in 0..4 {
            assert_eq!(curl::get(&proxy.url("/")).status, 200, "{reason}");
        }
        assert_eq!((bad.requests(), good.requests()), (2, 4), "{reason}");
        let counted = format!("portcullis_upstream_retries_total{{reason=\"{reason}\",upstream=\"app\"}}");
        assert_eq!(proxy.metric(&counted), 2.0, "{}", proxy.admin("/metrics"));
        let posted = (0..2).filter(|_| curl::post(&[], SHORT, &proxy.url("/")).status == 200).count();
        assert_eq!(posted, 1, "{reason}: one goes to each, and none on");
    }
}

#[test]
fn a_stale_connection_costs_no_idempotent_request() {
    let server = Server::start(Does::CloseLater);
    let proxy = proxy(&[server.address], "");
    for _ in 0..4 {
        assert_eq!(curl::get(&proxy.url("/")).status, 200);
    }
    // Each but the first met a connection that closed, and was sent once more.
    assert_eq!(server.requests(), 7);
    assert_eq!(proxy.metric("portcullis_upstream_retries_total{reason=\"stale\",upstream=\"app\"}"), 3.0);
    assert_eq!(curl::post(&[], SHORT, &proxy.url("/")).status, 502, "not repeated");
    assert_eq!(server.requests(), 8);
}

#[test]
fn upgraded_connections_are_not_repeated() {
    let origin = Origin::start();
    let proxy = proxy(
        &[ports::free(), origin.address],
        "timeout: 1s, retries: { on: [connect, stale, reset, timeout] }",
    );
    for _ in 0..2 {
        let mut stream = connect(
            &proxy,
            "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        );
        let head = read_until(&mut stream, "\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        // Longer than `timeout`, which is not for what became another protocol's.
        std::thread::sleep(Duration::from_millis(1200));
        stream.write_all(b"still here").expect("sent");
        assert_eq!(read_until(&mut stream, "here"), "still here");
    }
}

#[test]
fn answers_take_no_longer_than_they_may() {
    let origin = Origin::start();
    let proxy = proxy(&[origin.address], "timeout: 500ms");
    for body in [SHORT, &long()] {
        let begun = Instant::now();
        assert_eq!(curl::post(&[], body, &proxy.url("/slow")).status, 504, "{}", proxy.said());
        assert!(begun.elapsed() < Duration::from_millis(1900), "{:?}", begun.elapsed());
    }
    assert_eq!(curl::get(&proxy.url("/echo")).status, 200);
}

#[test]
fn keys_keep_their_server_until_it_is_gone() {
    let servers = [Does::Answer(200); 3].map(Server::start);
    let addresses = servers.each_ref().map(|server| server.address);
    let proxy =
        proxy(&addresses, "balance: { hash: { cookie: session } }, outlier: { consecutive_failures: 1 }");
    let ask =
        |cookie: &str| curl::run(&[&format!("-HCookie: a=b; session={cookie}")], None, &proxy.url("/")).body;
    let cookies: Vec<String> = (0..12).map(|number| format!("s{number}")).collect();
    let first: Vec<String> = cookies.iter().map(|cookie| ask(cookie)).collect();
    assert_eq!(cookies.iter().map(|cookie| ask(cookie)).collect::<Vec<_>>(), first);
    assert!(first.iter().collect::<BTreeSet<_>>().len() > 1, "{first:?}");
    let in_turn: BTreeSet<String> = (0..6).map(|_| curl::get(&proxy.url("/")).body).collect();
    assert_eq!(in_turn.len(), 3, "without a key they take turns");
}

#[test]
fn unix_sockets_are_servers() {
    let Some(program) = portcullis_tests::nginx::program() else {
        return println!("left out: nginx is not installed");
    };
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("app.sock");
    let (here, shown) = (directory.path().display(), socket.display());
    let address = ports::free();
    let http = format!(
        "server {{ listen unix:{shown}; listen {address}; root {here};
           location / {{ return 200 \"$http_host $server_protocol\"; }} }}"
    );
    let _nginx =
        portcullis_tests::nginx::Nginx::start(directory.path(), address, &[], &http).expect("nginx starts");
    assert!(program.exists());
    let setup = Setup { origin: format!("unix:{shown}"), ..Setup::new(address) };
    let proxy = Portcullis::start(&setup);
    for _ in 0..3 {
        let answer = curl::run(&["-HHost: shop.test"], None, &proxy.url("/"));
        assert_eq!((answer.status, answer.body.as_str()), (200, "shop.test HTTP/1.1"));
    }
    assert!(proxy.admin("/readyz").contains(&format!("unix:{shown}")));
}

#[test]
fn some_answers_need_no_upstream() {
    let origin = Origin::start();
    let assets = "{ name: old, hosts: [old.test], redirect: { to: 'https://new.test' }, policy: default },
        { name: moved, hosts: [old.test], paths: [/moved], redirect: { to: /new, status: 302 }, policy: default },
        { name: closed, hosts: [closed.test], policy: default,
          respond: { status: 503, body: 'back soon', headers: { Retry-After: '60' } } },
        { name: none, hosts: [none.test], respond: { status: 204 }, policy: default }";
    let proxy = Portcullis::start(&Setup { assets: assets.to_owned(), ..Setup::new(origin.address) });
    let long = &long()[..];
    for way in ["--http1.1", "--http2-prior-knowledge"] {
        for (host, path, body, status, expected) in [
            ("old.test", "/a?b=c", None, 308, "location: https://new.test/a?b=c"),
            ("old.test", "//evil.test/", None, 308, "location: https://new.test//evil.test/"),
            ("old.test", "/a", Some(long), 308, "location: https://new.test/a"),
            ("old.test", "/moved/x", None, 302, "location: /new\r\n"),
            ("closed.test", "/", None, 503, "retry-after: 60"),
            ("closed.test", "/", None, 503, "\r\n\r\nback soon"),
            ("closed.test", "/", Some(SHORT), 503, "content-type: text/plain; charset=utf-8"),
            ("none.test", "/", None, 204, "\r\n\r\n"),
            ("closed.test", "/?q=hostileword", None, 403, "403"),
        ] {
            let arguments = [way, "-i", "--path-as-is", &format!("-HHost: {host}")].map(str::to_owned);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let answer = curl::run(&arguments, body, &proxy.url(path));
            assert_eq!(answer.status, status, "{way} {host}{path}: {}", answer.body);
            let found = answer.body.to_lowercase();
            assert!(found.contains(&expected.to_lowercase()), "{way} {host}{path}: {found}");
        }
    }
    assert_eq!(origin.seen().len(), 0);
}
