//! nginx's `auth_request`, set up as docs/attach/inspect.md says.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use portcullis_tests::nginx;
use portcullis_tests::ports;

use super::super::curl;
use super::super::origin::Origin;
use super::super::process::Portcullis;
use super::{agent, last_record, reached, socket, table};

/// nginx between clients and an application.
pub(super) struct Gateway {
    _running: nginx::Nginx,
    pub(super) directory: tempfile::TempDir,
    /// HTTP/1.1.
    pub(super) base: String,
    /// HTTP/2 without TLS.
    pub(super) base2: String,
}

impl Gateway {
    /// Starts it, or says that it is not installed. `http` and `server` are what these blocks have beside the listening sockets.
    pub(super) fn start(modules: &[&str], http: &str, server: &str) -> Option<Self> {
        if nginx::program().is_none() {
            println!("left out: nginx is not installed");
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let (address, address2) = (ports::free(), ports::free());
        let http = format!("{http} server {{ listen {address}; listen {address2} http2; {server} }}");
        let running = nginx::Nginx::start(directory.path(), address, modules, &http).expect("nginx starts");
        let (base, base2) = (format!("http://{address}"), format!("http://{address2}"));
        Some(Self { _running: running, directory, base, base2 })
    }

    /// Its master process, which listens before it writes down what it is.
    pub(super) fn master(&self) -> String {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let text = std::fs::read_to_string(self.directory.path().join("pid")).unwrap_or_default();
            if text.ends_with('\n') {
                return text.trim().to_owned();
            }
            assert!(Instant::now() < until, "{}", self.errors());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The lines of its error log about requests that got no verdict, and how many requests these speak of.
    pub(super) fn said_missed(&self) -> (u64, u64) {
        let errors = self.errors();
        let requests = |line: &str| line.split(", requests ").nth(1)?.split(':').next()?.parse::<u64>().ok();
        let lines = errors.lines().filter(|line| line.contains("portcullis: not inspected"));
        let said = lines.map(|line| requests(line).unwrap_or_else(|| panic!("no number: {line}")));
        said.fold((0, 0), |(lines, all), requests| (lines + 1, all + requests))
    }

    pub(super) fn errors(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("errors")).unwrap_or_default()
    }
}

/// What docs/attach/inspect.md has for nginx.
pub(super) fn auth_request(agent: &Portcullis, origin: &Origin) -> Option<Gateway> {
    auth_request_at(&format!("unix:{}", socket(agent)), "500ms", origin.address)
}

/// With another place to ask at, and time to wait.
pub(super) fn auth_request_at(place: &str, patience: &str, origin: SocketAddr) -> Option<Gateway> {
    let http = format!("upstream portcullis {{ server {place}; keepalive 32; }}");
    let server = format!(
        "location / {{ auth_request /portcullis;
           auth_request_set $portcullis_id $upstream_http_x_portcullis_id;
           proxy_set_header X-Portcullis-Id $portcullis_id; proxy_pass http://{origin}; }}
         location /ws {{ auth_request /portcullis; proxy_pass http://{origin}; proxy_http_version 1.1;
           proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }}
         location /events {{ auth_request /portcullis; proxy_pass http://{origin}; proxy_buffering off; }}
         location /shop.Orders/ {{ auth_request /portcullis; grpc_pass grpc://{origin}; }}
         location = /portcullis {{ internal; proxy_pass http://portcullis;
           proxy_http_version 1.1; proxy_set_header Connection \"\";
           proxy_connect_timeout 200ms; proxy_read_timeout {patience}; proxy_pass_request_body off; proxy_set_header Content-Length \"\";
           proxy_set_header Host $http_host;
           proxy_set_header X-Original-Method $request_method;
           proxy_set_header X-Original-URI $request_uri;
           proxy_set_header X-Real-IP $remote_addr;
           proxy_set_header X-Original-Content-Length $http_content_length;
           proxy_set_header X-Original-Transfer-Encoding $http_transfer_encoding; }}"
    );
    Gateway::start(&[], &http, &server)
}

#[test]
fn auth_request_sees_all_but_bodies_and_counts_these() {
    let origin = Origin::start();
    let agent = agent("nginx", "prevent", "", "");
    let Some(gateway) = auth_request(&agent, &origin) else { return };
    table::check(&agent, &gateway.base, false, &[], &[]);
    table::check(&agent, &gateway.base2, false, &["--http2-prior-knowledge"], &[]);
    assert!(agent.metric("portcullis_attach_uninspected_bytes_total") > 1_000_000.0);
    assert!(agent.metric("portcullis_attach_requests_total{answer=\"refused\",attachment=\"nginx\"}") > 7.0);
}

#[test]
fn the_record_tells_of_the_request_and_not_of_the_question() {
    let origin = Origin::start();
    let agent = agent("nginx", "prevent", "", "");
    let Some(gateway) = auth_request(&agent, &origin) else { return };
    let ask = |arguments: &[&str], path: &str| curl::run(arguments, None, &format!("{}{path}", gateway.base));
    // What a client says in the dialect's own words is not heard.
    let forged = [
        "-HX-Original-URI: /harmless",
        "-HX-Original-Method: OPTIONS",
        "-HX-Real-IP: 192.0.2.1",
        "-HX-Original-URL: http://a.test/harmless",
        "-HX-Forwarded-Uri: /harmless",
        "-HX-Portcullis-Verdict: pass",
        "-HX-Portcullis-Token: x",
        "-HHost: shop.test:81",
    ];
    assert_eq!(ask(&forged, "/hostileword?a=1").status, 403);
    let record = last_record(&agent);
    for (key, expected) in [
        ("verdict", "prevent"),
        ("attachment", "nginx"),
        ("method", "GET"),
        ("host", "shop.test"),
        ("path", "/hostileword"),
        ("client", "127.0.0.1"),
        ("asset", "all"),
    ] {
        assert_eq!(record[key], expected, "{key} of {record}");
    }
    assert_eq!(record["status"], 403);
    assert!(!reached(&origin, "/hostileword?a=1"));
    assert_eq!(ask(&["-HX-Portcullis-Id: forged"], "/headers").status, 200);
    let id = last_record(&agent)["transactionId"].as_str().expect("an id").to_owned();
    let told: Vec<_> = origin.seen().last().expect("a request").headers.clone();
    let told: Vec<_> = told.iter().filter(|(name, _)| name == "x-portcullis-id").collect();
    assert_eq!(told, [&("x-portcullis-id".to_owned(), id)]);
}

#[test]
fn detect_mode_lets_everything_pass_and_writes_it_down() {
    let origin = Origin::start();
    let agent = agent("nginx", "detect", "", "");
    let Some(gateway) = auth_request(&agent, &origin) else { return };
    for row in table::rows() {
        assert_eq!(row.send("hostileword", &gateway.base, &[]), 200, "{}", row.name);
        let verdict = if row.has_body() { "pass" } else { "detect" };
        let record = last_record(&agent);
        assert_eq!(record["verdict"], verdict, "{}: {record}", row.name);
        assert_eq!(record["inspection"]["complete"], !row.has_body(), "{}: {record}", row.name);
    }
}

#[test]
fn a_policy_may_want_no_request_whose_body_is_unseen() {
    let origin = Origin::start();
    let agent = agent("nginx", "prevent", "on_unseen_body: block", "");
    let Some(gateway) = auth_request(&agent, &origin) else { return };
    for row in table::rows() {
        let expected = if row.has_body() { 403 } else { 200 };
        assert_eq!(row.send("friendlyword", &gateway.base, &[]), expected, "{}", row.name);
    }
}
