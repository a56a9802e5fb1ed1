//! Listeners without TLS: the PROXY protocol, unix sockets, bounds, redirects, and how reloads change them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use portcullis_tests::ports;

use super::curl;
use super::origin::Origin;
use super::process::{Portcullis, Setup};

fn start(listener: &str) -> (Origin, Portcullis) {
    let origin = Origin::start();
    let proxy = Portcullis::start(&Setup { listener: listener.to_owned(), ..Setup::new(origin.address) });
    (origin, proxy)
}

/// What comes back for these bytes until the connection is closed.
fn exchange(proxy: &Portcullis, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(proxy.address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
    stream.write_all(bytes).expect("written");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

const GET: &[u8] = b"GET /headers HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";

#[test]
fn who_stands_in_front_says_who_the_client_is() {
    let (_origin, proxy) = start("{ address: \"127.0.0.1:0\", h2c: true, proxy_protocol: [127.0.0.0/8] }");
    let said = |header: &[u8]| exchange(&proxy, &[header, GET].concat()).to_lowercase();
    let answer = said(b"PROXY TCP4 203.0.113.7 192.0.2.1 51234 443\r\n");
    assert!(answer.contains("x-forwarded-for: 203.0.113.7"), "{answer}");
    let v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x08\xc0\0\x02\x01\xc8\x22\x01\xbb";
    let answer = said(v2);
    assert!(answer.contains("x-forwarded-for: 203.0.113.8"), "{answer}");
    let answer = said(b"PROXY UNKNOWN\r\n");
    assert!(answer.contains("x-forwarded-for: 127.0.0.1"), "{answer}");
    assert_eq!(said(b""), "", "the header is required of those who may send it");
    assert_eq!(said(b"PROXY TCP4 203.0.113.7\r\n"), "");
    assert_eq!(
        curl::run(&["--http2-prior-knowledge", "--haproxy-protocol"], None, &proxy.url("/echo")).status,
        200
    );
    assert!(
        proxy.metric(
            "portcullis_connections_refused_total{listener=\"127.0.0.1:0\",reason=\"proxy-protocol\"}"
        ) >= 2.0
    );
}

#[test]
fn nobody_else_says_so() {
    let (_origin, proxy) = start("{ address: \"127.0.0.1:0\", proxy_protocol: [192.0.2.0/24] }");
    assert_eq!(curl::get(&proxy.url("/echo")).status, 200, "a client without a header is one");
    let forged = exchange(&proxy, &[b"PROXY TCP4 203.0.113.7 192.0.2.1 51234 443\r\n", GET].concat());
    assert!(!forged.contains("203.0.113.7"), "{forged}");
    assert!(!forged.contains(" 200 "), "{forged}");
}

#[test]
fn listens_at_a_unix_socket() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("http.sock").display().to_string();
    let (_origin, mut proxy) = start(&format!("{{ address: \"unix:{path}\" }}"));
    let ask =
        |target: &str| curl::run(&["--unix-socket", &path], None, &format!("http://a.test{target}")).status;
    assert_eq!(ask("/echo"), 200, "{}", proxy.said());
    assert_eq!(ask("/?q=hostileword"), 403);
    proxy.signal("TERM");
    assert!(proxy.ends_within(Duration::from_secs(10)));
    assert!(!std::path::Path::new(&path).exists(), "nobody listens there any more");
}

#[test]
fn redirects_to_https() {
    let (_origin, proxy) = start("{ address: \"127.0.0.1:0\", h2c: true, redirect_to_https: true }");
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let answer =
            curl::run(&["-i", version, "-HHost: shop.test:8080"], None, &proxy.url("/a%20b?c=%3Cd")).body;
        let answer = answer.to_lowercase();
        assert!(answer.lines().next().is_some_and(|line| line.contains(" 308")), "{answer}");
        assert!(answer.contains("location: https://shop.test/a%20b?c=%3cd\r"), "{answer}");
    }
    let forged = exchange(&proxy, b"GET / HTTP/1.1\r\nHost: evil.test/x?\r\nConnection: close\r\n\r\n");
    assert!(!forged.to_lowercase().contains("location:"), "{forged}");
}

#[test]
fn bounds_what_a_client_may_ask() {
    let (_origin, proxy) = start(
        "{ address: \"127.0.0.1:0\", h2c: true, limits: { head_bytes_max: 4KiB, head_timeout: 1s, \
         connections_per_client_max: 3 } }",
    );
    let long = format!("X-Long: {}", "x".repeat(5_000));
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let answer = curl::run(&[version, "-H", &long], None, &proxy.url("/echo"));
        assert_eq!(answer.status, 431, "{version}");
    }
    // A head that does not come to its end.
    let begun = std::time::Instant::now();
    let answer = exchange(&proxy, b"GET /echo HTTP/1.1\r\nHost: a.test\r\n");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(!answer.contains(" 200 "), "{answer}");
    let idle: Vec<_> = (0..3).map(|_| TcpStream::connect(proxy.address).expect("connected")).collect();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(exchange(&proxy, GET), "", "a fourth connection");
    drop(idle);
    std::thread::sleep(Duration::from_millis(300));
    assert!(exchange(&proxy, GET).contains(" 200 "));
}

#[test]
fn reloads_open_and_close_listeners() {
    let (origin, proxy) = start("{ address: \"127.0.0.1:0\" }");
    let (second, taken) = (ports::free(), std::net::TcpListener::bind("127.0.0.1:0").expect("a port"));
    let with = |listeners: &str| {
        let setup = Setup { listener: listeners.to_owned(), ..Setup::new(origin.address) };
        std::fs::write(proxy.file("portcullis.yaml"), setup.yaml()).expect("written");
    };
    let eventually = |condition: &dyn Fn() -> bool| {
        (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            condition()
        })
    };
    with(&format!("{{ address: \"127.0.0.1:0\" }}, {{ address: \"{second}\" }}"));
    assert!(eventually(&|| curl::get(&format!("http://{second}/echo")).status == 200), "{}", proxy.said());
    assert_eq!(curl::get(&proxy.url("/echo")).status, 200);

    let taken_address = taken.local_addr().expect("an address");
    with(&format!("{{ address: \"{taken_address}\" }}"));
    assert!(eventually(&|| proxy.metric("portcullis_reloads_total{result=\"failed\"}") >= 1.0));
    assert!(proxy.said().contains(&format!("cannot listen at {taken_address}")), "{}", proxy.said());
    assert_eq!(curl::get(&format!("http://{second}/echo")).status, 200, "the old ones stay");

    with("{ address: \"127.0.0.1:0\" }");
    assert!(eventually(&|| TcpStream::connect(second).is_err()), "{}", proxy.said());
    assert_eq!(curl::get(&proxy.url("/echo")).status, 200);
}
