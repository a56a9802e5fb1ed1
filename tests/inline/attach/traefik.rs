//! A real Traefik's ForwardAuth, set up as docs/attach/traefik.md says.
//!
//! `./x traefik` builds it from its Go module and runs these. `PORTCULLIS_TRAEFIK` names another.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use portcullis_tests::ports;

use super::super::origin::Origin;
use super::super::process::Portcullis;
use super::{curl, last_record, reached, streams, table};

/// A running Traefik; killed when dropped.
struct Traefik {
    child: Child,
    address: SocketAddr,
    base: String,
    directory: tempfile::TempDir,
}

impl Traefik {
    /// Before this application, asking at `agent`; or word that it is not there.
    fn start(agent: &str, origin: SocketAddr, bodies: &str) -> Option<Self> {
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/traefik");
        let program = std::env::var_os("PORTCULLIS_TRAEFIK").map_or(built, PathBuf::from);
        if !program.exists() {
            println!("left out: no Traefik, which `./x traefik` builds");
            return None;
        }
        let (directory, address) = (tempfile::tempdir().expect("a directory"), ports::free());
        let routes = directory.path().join("routes.yaml");
        let fixed = format!(
            "global: {{ checkNewVersion: false, sendAnonymousUsage: false }}\nlog: {{ level: ERROR }}\n\
             entryPoints: {{ web: {{ address: \"{address}\" }} }}\nproviders: {{ file: {{ filename: {} }} }}\n",
            routes.display()
        );
        let dynamic = format!(
            r#"http:
  middlewares:
    portcullis:
      forwardAuth:
        address: "http://{agent}/"
        trustForwardHeader: false
        {bodies}
        authResponseHeaders: [X-Portcullis-Id, X-Portcullis-Verdict]
  routers:
    all: {{ rule: "PathPrefix(`/`)", entryPoints: [web], middlewares: [portcullis], service: shop }}
  services:
    shop: {{ loadBalancer: {{ servers: [{{ url: "http://{origin}" }}] }} }}
"#
        );
        std::fs::write(&routes, dynamic).expect("written");
        let file = directory.path().join("traefik.yaml");
        std::fs::write(&file, fixed).expect("written");
        let log = std::fs::File::create(directory.path().join("log")).expect("a file");
        let child = Command::new(program)
            .arg(format!("--configFile={}", file.display()))
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .expect("Traefik starts");
        let traefik = Self { child, address, base: format!("http://{address}"), directory };
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(address).is_err() || curl::get(&traefik.base).status == 404 {
            assert!(Instant::now() < until, "{}", traefik.said());
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(traefik)
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Traefik {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An agent that Traefik can ask: it takes no path of a socket.
fn agent(mode: &str, endpoint: &str) -> Portcullis {
    let place = ports::free();
    let yaml = format!(
        r#"version: 1
attachments: {{ inspect: [{{ address: "{place}", dialect: traefik, {endpoint} }}] }}
assets: [{{ name: all, hosts: ["*"], policy: default }}]
policies: {{ default: {{ mode: {mode}, signatures: {{ rules: [{{ file: rules.conf }}] }} }} }}
admin: {{ address: "127.0.0.1:0" }}
reports: {{ decisions: {{ to: "{{here}}/decisions.jsonl", only: all }} }}
"#
    );
    Portcullis::start_yaml(&yaml, table::RULES)
}

const SHOWN: &str = "forwardBody: true\n        maxBodySize: 1048576";

#[test]
#[ignore = "wants Traefik: `./x traefik`"]
fn traefik_shows_all_of_a_request() {
    let origin = Origin::start();
    let agent = agent("prevent", "bodies: true");
    let Some(traefik) = Traefik::start(&agent.inspect[0], origin.address, SHOWN) else { return };
    table::check(&agent, &traefik.base, true, &[], &[]);
    table::check(&agent, &traefik.base, true, &["--http2-prior-knowledge"], &[]);
    streams::check(&agent, traefik.address);
    let forged = [
        "-HX-Forwarded-Uri: /harmless",
        "-HX-Forwarded-Method: OPTIONS",
        "-HX-Forwarded-For: 192.0.2.1",
        "-HHost: shop.test",
        "-HAccept: text/html",
    ];
    let refused = curl::run(&forged, None, &format!("{}/hostileword?a=1", traefik.base));
    let record = last_record(&agent);
    assert_eq!(refused.status, 403, "{record}");
    // It is our page.
    assert!(refused.body.contains(record["transactionId"].as_str().expect("an id")), "{}", refused.body);
    for (key, expected) in [
        ("attachment", "traefik"),
        ("method", "GET"),
        ("host", "shop.test"),
        ("path", "/hostileword"),
        ("client", "127.0.0.1"),
    ] {
        assert_eq!(record[key], expected, "{key} of {record}");
    }
    assert!(!reached(&origin, "/hostileword?a=1"));
    let asked = curl::run(&["-HX-Portcullis-Id: forged"], None, &format!("{}/headers", traefik.base));
    assert_eq!(asked.status, 200);
    let id = last_record(&agent)["transactionId"].as_str().expect("an id").to_owned();
    let seen = origin.seen();
    let told = &seen.last().expect("a request").headers;
    assert!(told.contains(&("x-portcullis-id".to_owned(), id)), "{told:?}");
}

/// What is longer than `maxBodySize` Traefik refuses by itself.
#[test]
#[ignore = "wants Traefik: `./x traefik`"]
fn traefik_refuses_what_is_too_long() {
    let origin = Origin::start();
    let agent = agent("prevent", "bodies: true");
    let Some(traefik) = Traefik::start(&agent.inspect[0], origin.address, SHOWN) else { return };
    let asked = || agent.metric("portcullis_attach_requests_total");
    for (ways, path) in [(&[][..], "/long"), (&["-HTransfer-Encoding: chunked"], "/chunked")] {
        let before = asked();
        let body = format!("a={}&b=hostileword", "x".repeat(5_000_000));
        let found = curl::post(ways, body.as_bytes(), &format!("{}{path}", traefik.base)).status;
        assert_eq!(found, 401, "{ways:?} {}", traefik.said());
        assert!((asked() - before).abs() < 0.1 && !reached(&origin, path), "{ways:?}");
    }
}

#[test]
#[ignore = "wants Traefik: `./x traefik`"]
fn traefik_without_bodies_has_them_counted() {
    let origin = Origin::start();
    let agent = agent("prevent", "");
    let Some(traefik) = Traefik::start(&agent.inspect[0], origin.address, "") else { return };
    table::check(&agent, &traefik.base, false, &[], &[]);
    table::check(&agent, &traefik.base, false, &["--http2-prior-knowledge"], &[]);
}

#[test]
#[ignore = "wants Traefik: `./x traefik`"]
fn traefik_in_detect_mode_passes_all_of_it() {
    let origin = Origin::start();
    let agent = agent("detect", "bodies: true");
    let Some(traefik) = Traefik::start(&agent.inspect[0], origin.address, SHOWN) else { return };
    for row in table::rows() {
        assert_eq!(row.send("hostileword", &traefik.base, &[]), 200, "{}", row.name);
        assert_eq!(last_record(&agent)["verdict"], "detect", "{}", row.name);
    }
}

/// There is no way to have it fail open.
#[test]
#[ignore = "wants Traefik: `./x traefik`"]
fn traefik_fails_closed() {
    let origin = Origin::start();
    let agent = agent("prevent", "bodies: true");
    let Some(traefik) = Traefik::start(&agent.inspect[0], origin.address, SHOWN) else { return };
    let get = |word: &str| curl::get(&format!("{}/?a={word}", traefik.base)).status;
    assert_eq!((get("friendlyword"), get("hostileword")), (200, 403));
    let stopped = agent.kill();
    assert_eq!((get("friendlyword"), get("hostileword")), (500, 500));
    let agent = stopped.start();
    assert_eq!((get("friendlyword"), get("hostileword")), (200, 403));
    // It waits for half a minute, and no setting makes that less.
    agent.signal("STOP");
    let begun = Instant::now();
    assert_eq!(get("hostileword"), 500);
    let took = begun.elapsed();
    assert!((Duration::from_secs(25)..Duration::from_secs(40)).contains(&took), "{took:?}");
    agent.signal("CONT");
    assert_eq!((get("friendlyword"), get("hostileword")), (200, 403));
}
