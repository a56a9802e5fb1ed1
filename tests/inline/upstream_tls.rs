//! TLS to upstreams, with nginx as their server.

use std::net::SocketAddr;

use portcullis_tests::nginx;
use portcullis_tests::ports;

use super::curl;
use super::h2_server;
use super::origin::Origin;
use super::process::{Portcullis, Setup};
use super::streams::{connect, read_until};
use super::tls::Authority;

/// An nginx that speaks TLS.
struct Server {
    _running: nginx::Nginx,
    address: SocketAddr,
    directory: tempfile::TempDir,
    authority: Authority,
}

impl Server {
    /// With a certificate for `app.internal`, more of its configuration, and what it does.
    fn start(more: &str, locations: &str) -> Option<Self> {
        if nginx::program().is_none() {
            println!("left out: nginx is not installed");
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let authority = Authority::new("internal authority");
        let (certificate, key) = authority.issue(&["app.internal"], "app");
        for (name, text) in [("crt", certificate), ("key", key), ("ca", authority.pem())] {
            std::fs::write(directory.path().join(name), text).expect("written");
        }
        let address = ports::free();
        let here = directory.path().display();
        let http = format!(
            "server {{ listen {address} ssl http2; ssl_certificate {here}/crt; ssl_certificate_key {here}/key;
               {}
               location / {{ default_type text/plain; return 200
                 \"$server_protocol|$ssl_server_name|$http_host|$ssl_client_s_dn|$connection\"; }}
               {locations} }}",
            more.replace("HERE", &here.to_string())
        );
        let running = nginx::Nginx::start(directory.path(), address, &[], &http).expect("nginx starts");
        Some(Self { _running: running, address, directory, authority })
    }

    /// A proxy before it.
    fn proxy(&self, protocol: &'static str, upstream: &str) -> Portcullis {
        self.proxy_with(&Setup { protocol, upstream: upstream.to_owned(), ..Setup::new(self.address) })
    }

    fn proxy_with(&self, setup: &Setup) -> Portcullis {
        let (certificate, key) = self.authority.issue(&["client"], "the-proxy");
        let other = Authority::new("another authority").pem();
        let files = [
            ("ca.crt", self.authority.pem()),
            ("other.crt", other),
            ("client.crt", certificate),
            ("client.key", key),
        ];
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        Portcullis::start_with(setup, &files)
    }

    fn accesses(&self) -> usize {
        let log = std::fs::read_to_string(self.directory.path().join("accesses")).unwrap_or_default();
        log.lines().count()
    }
}

const VERIFIED: &str = "tls: { authorities: ca.crt, server_name: app.internal }";

/// What nginx says of a request, field by field.
fn told(proxy: &Portcullis) -> (u16, Vec<String>) {
    let answer = curl::get(&proxy.url("/"));
    (answer.status, answer.body.split('|').map(str::to_owned).collect())
}

#[test]
fn servers_are_verified() {
    let Some(server) = Server::start("", "") else { return };
    for (protocol, upstream, spoken) in [
        ("http1", VERIFIED, Some("HTTP/1.1")),
        ("http2", VERIFIED, Some("HTTP/2.0")),
        ("auto", VERIFIED, Some("HTTP/2.0")),
        ("http1", "tls: { authorities: other.crt, server_name: app.internal }", None),
        ("http2", "tls: { authorities: ca.crt, server_name: other.internal }", None),
        // The address that is written under `servers` is in no certificate, and the system knows no such authority.
        ("auto", "tls: { authorities: ca.crt }", None),
        ("http1", "tls: { server_name: app.internal }", None),
        ("http1", "tls: { verify: false, server_name: app.internal }", Some("HTTP/1.1")),
    ] {
        let proxy = server.proxy(protocol, upstream);
        let (status, told) = told(&proxy);
        let long_form = [&b"note="[..], &[b'x'; 200_000]].concat();
        let relayed = curl::post(curl::WAYS[0], &long_form, &proxy.url("/")).status;
        match spoken {
            Some(spoken) => {
                assert_eq!(
                    (status, told[0].as_str()),
                    (200, spoken),
                    "{protocol} {upstream}: {}",
                    proxy.said()
                );
                assert_eq!((told[1].as_str(), relayed), ("app.internal", 200), "{protocol} {upstream}");
            }
            None => {
                assert_eq!((status, relayed), (502, 502), "{protocol} {upstream}");
                let counted = proxy.metric("portcullis_upstream_errors_total{kind=\"tls\"");
                assert!(counted >= 2.0, "{}", proxy.admin("/metrics"));
            }
        }
    }
    let open = server.proxy("http1", "tls: { verify: false, server_name: app.internal }");
    let warned = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        open.said().contains("certificates are not verified")
    });
    assert!(warned, "{}", open.said());
}

#[test]
fn servers_are_shown_the_certificate() {
    let Some(server) = Server::start("ssl_client_certificate HERE/ca; ssl_verify_client on;", "") else {
        return;
    };
    let shown =
        "tls: { authorities: ca.crt, server_name: app.internal, certificate: client.crt, key: client.key }";
    for protocol in ["http1", "http2"] {
        let (status, told) = told(&server.proxy(protocol, shown));
        assert_eq!((status, told[3].as_str()), (200, "CN=the-proxy"), "{protocol}");
        assert_eq!(curl::get(&server.proxy(protocol, VERIFIED).url("/")).status, 400, "nginx wants one");
    }
}

#[test]
fn connections_are_not_shared_where_tls_differs() {
    let Some(server) = Server::start("", "") else { return };
    let address = server.address;
    let app = |name: &str, protocol: &str, tls: &str| {
        format!(
            "{name}: {{ servers: [\"{address}\"], protocol: {protocol}, tls: {{ server_name: app.internal, {tls} }} }}"
        )
    };
    let upstreams = [
        app("wrong", "http1", "authorities: other.crt"),
        app("system", "http1", "verify: true"),
        app("open", "http1", "verify: false"),
        app("two", "auto", "authorities: ca.crt"),
        app("shown", "http1", "authorities: ca.crt, certificate: client.crt, key: client.key"),
    ];
    let names = ["wrong", "system", "open", "two", "shown"];
    let assets =
        names.map(|name| format!("{{ name: {name}, hosts: [{name}], upstream: {name}, policy: default }}"));
    let proxy = server.proxy_with(&Setup {
        upstream: VERIFIED.to_owned(),
        upstreams: upstreams.join(", "),
        assets: assets.join(", "),
        ..Setup::new(address)
    });
    let ask = |host: &str| {
        let answer = curl::run(&[&format!("-HHost: {host}")], None, &proxy.url("/"));
        (answer.status, answer.body.split('|').map(str::to_owned).collect::<Vec<_>>())
    };
    // Each leaves a connection behind that the others could take.
    for _ in 0..3 {
        assert_eq!(ask("app.test").0, 200);
        assert_eq!((ask("wrong").0, ask("system").0), (502, 502));
        assert_eq!(ask("two").1[0], "HTTP/2.0");
        assert_eq!(ask("open").1[0], "HTTP/1.1");
        assert_eq!(ask("shown").0, 200);
    }
    let connections: std::collections::BTreeSet<_> =
        ["app.test", "open", "two", "shown"].map(|host| ask(host).1[4].clone()).into();
    assert_eq!(connections.len(), 4, "{connections:?}");
    assert_eq!(ask("app.test").1[4], ask("app.test").1[4], "its own are kept");
}

#[test]
fn a_reload_with_other_authorities_takes_no_old_connection() {
    let Some(server) = Server::start("", "") else { return };
    let proxy = server.proxy("http2", VERIFIED);
    assert_eq!(curl::get(&proxy.url("/")).status, 200);
    std::fs::write(proxy.file("ca.crt"), Authority::new("a new authority").pem()).expect("written");
    let refused = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        curl::get(&proxy.url("/")).status == 502
    });
    assert!(refused, "{}", proxy.said());
    std::fs::write(proxy.file("ca.crt"), "no certificate").expect("written");
    let kept = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        proxy.admin("/readyz").contains("bad-authorities")
    });
    assert!(kept, "{}", proxy.said());
    std::fs::write(proxy.file("ca.crt"), server.authority.pem()).expect("written");
    let accepted = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        curl::get(&proxy.url("/")).status == 200
    });
    assert!(accepted, "{}", proxy.said());
}

#[test]
fn servers_get_the_host_that_is_configured() {
    let Some(server) = Server::start("", "") else { return };
    let port = server.address.port();
    for (host, expected) in [
        ("keep", "shop.example.com".to_owned()),
        ("server-name", format!("127.0.0.1:{port}")),
        ("inner.example.com", "inner.example.com".to_owned()),
    ] {
        for protocol in ["http1", "http2"] {
            let proxy = server.proxy(protocol, &format!("host: {host}, {VERIFIED}"));
            for way in ["--http1.1", "--http2-prior-knowledge"] {
                let answer = curl::run(&[way, "-HHost: shop.example.com"], None, &proxy.url("/"));
                let told = answer.body.split('|').nth(2).map(str::to_owned);
                assert_eq!(told.as_deref(), Some(expected.as_str()), "{host} {protocol} {way}");
            }
        }
    }
}

#[test]
fn servers_are_checked_over_tls() {
    let Some(server) = Server::start("", "location /down { return 503; }") else { return };
    for (protocol, tls, check, healthy) in [
        ("http1", VERIFIED, "path: /", true),
        ("http2", VERIFIED, "path: /", true),
        ("auto", VERIFIED, "path: /, host: health.test", true),
        ("http1", VERIFIED, "tcp: true", true),
        ("http1", VERIFIED, "path: /down", false),
        ("http2", VERIFIED, "path: /down, statuses: [200-299, 503]", true),
        ("http1", "tls: { authorities: other.crt, server_name: app.internal }", "path: /", false),
        ("http1", "tls: { authorities: other.crt, server_name: app.internal }", "tcp: true", false),
    ] {
        let check = format!("health_check: {{ {check}, interval: 100ms, unhealthy_after: 1 }}, {tls}");
        let proxy = server.proxy(protocol, &check);
        std::thread::sleep(std::time::Duration::from_millis(500));
        let status = proxy.admin("/readyz");
        assert!(status.contains(&format!("\"healthy\": {healthy}")), "{protocol} {check}: {status}");
        assert_eq!(curl::get(&proxy.url("/")).status, if healthy { 200 } else { 502 }, "{protocol} {check}");
    }
}

#[test]
fn web_sockets_pass_over_tls() {
    let origin = Origin::start();
    let location = format!(
        "location /ws {{ proxy_pass http://{}; proxy_http_version 1.1;
           proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }}",
        origin.address
    );
    let Some(server) = Server::start("access_log HERE/accesses;", &location) else { return };
    for protocol in ["http1", "auto"] {
        let proxy = server.proxy(protocol, VERIFIED);
        assert_eq!(curl::get(&proxy.url("/")).status, 200);
        let mut stream = connect(
            &proxy,
            "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        );
        let head = read_until(&mut stream, "\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 101"), "{protocol}: {head}");
        std::io::Write::write_all(&mut stream, b"a message").expect("sent");
        assert_eq!(read_until(&mut stream, "message"), "a message", "{protocol}");
    }
    assert!(server.accesses() >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_passes_over_tls() {
    let service = h2_server::serve(|request, respond| super::grpc::echo(request.into_body(), respond)).await;
    let Some(server) = Server::start("", &format!("location /shop. {{ grpc_pass grpc://{service}; }}"))
    else {
        return;
    };
    for protocol in ["http2", "auto"] {
        let proxy = tokio::task::block_in_place(|| server.proxy(protocol, VERIFIED));
        let trailers = super::grpc::exchange(proxy.address).await;
        assert_eq!(
            trailers.get("grpc-status").map(http::HeaderValue::as_bytes),
            Some(&b"0"[..]),
            "{protocol}"
        );
    }
}
