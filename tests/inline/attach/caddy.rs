//! Caddy's `forward_auth`.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use portcullis_tests::ports;

use super::super::curl;
use super::super::origin::Origin;
use super::{agent, last_record, reached, socket, table};

pub(super) struct Caddy {
    child: Child,
    pub(super) base: String,
    /// HTTP/2 without TLS.
    pub(super) address: SocketAddr,
    _directory: tempfile::TempDir,
}

impl Caddy {
    /// Starts it with what docs/attach/caddy.md has, or says that it is not installed.
    pub(super) fn start(socket: &str, origin: &Origin) -> Option<Self> {
        Self::start_at(&format!("unix/{socket}"), "500ms", origin.address)
    }

    /// With another place to ask at, and time to wait.
    pub(super) fn start_at(place: &str, patience: &str, origin: SocketAddr) -> Option<Self> {
        for _ in 0..STARTS_MAX {
            match Self::start_once(place, patience, origin) {
                Ok(caddy) => return Some(caddy),
                Err(Failed::Missing) => {
                    println!("left out: caddy is not installed");
                    return None;
                }
                Err(Failed::Ended(log)) => println!("caddy ended, and is started again: {log}"),
            }
        }
        panic!("caddy does not listen");
    }

    fn start_once(place: &str, patience: &str, origin: SocketAddr) -> Result<Self, Failed> {
        let directory = tempfile::tempdir().expect("a directory");
        let address = ports::free();
        let config = format!(
            "{{\n admin off\n auto_https off\n servers {{\n  protocols h1 h2 h2c\n }}\n}}\nhttp://{address} {{\n \
             forward_auth {place} {{\n  uri /\n  copy_headers X-Portcullis-Id\n  \
             transport http {{\n   dial_timeout 100ms\n   response_header_timeout {patience}\n  }}\n }}\n \
             @grpc header Content-Type application/grpc*\n reverse_proxy @grpc h2c://{origin}\n \
             reverse_proxy {origin}\n}}\n"
        );
        // The host of such a site is what is asked for; any other must be served as well.
        let config = config.replace(&format!("http://{address}"), &format!("http://:{}", address.port()));
        std::fs::write(directory.path().join("Caddyfile"), config).expect("written");
        let log = std::fs::File::create(directory.path().join("log")).expect("a file");
        let child = Command::new("caddy")
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(directory.path().join("Caddyfile"))
            .env("HOME", directory.path())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let child = child.map_err(|_| Failed::Missing)?;
        let log = directory.path().join("log");
        let mut caddy = Self { child, base: format!("http://{address}"), address, _directory: directory };
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            let has_ended = caddy.child.try_wait().is_ok_and(|status| status.is_some());
            if has_ended || Instant::now() > until {
                return Err(Failed::Ended(std::fs::read_to_string(log).unwrap_or_default()));
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        Ok(caddy)
    }
}

/// Why it does not run.
enum Failed {
    Missing,
    /// Or does not listen in time; with what it said. Somebody else may have got its port.
    Ended(String),
}

const STARTS_MAX: usize = 3;

impl Drop for Caddy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn forward_auth_sees_all_but_bodies_and_counts_these() {
    let origin = Origin::start();
    let agent = agent("caddy", "prevent", "", "");
    let Some(caddy) = Caddy::start(&socket(&agent), &origin) else { return };
    table::check(&agent, &caddy.base, false, &[], &["GET with a body"]);
    // Such a body Caddy shows, and has not got any more when it comes to the application: what is harmless fails, and nothing passes.
    let odd: Vec<_> = table::rows().into_iter().filter(|row| row.name == "GET with a body").collect();
    assert_eq!(odd[0].send("hostileword", &caddy.base, &[]), 403);
    assert_ne!(odd[0].send("friendlyword", &caddy.base, &[]), 403);
    let forged = [
        "-HX-Forwarded-Uri: /harmless",
        "-HX-Forwarded-Method: OPTIONS",
        "-HX-Forwarded-Host: other.test",
        "-HX-Forwarded-For: 192.0.2.1",
        "-HHost: shop.test",
        "-HAccept: text/html",
    ];
    let refused = curl::run(&forged, None, &format!("{}/hostileword?a=1", caddy.base));
    assert_eq!(refused.status, 403);
    // It is our page.
    let record = last_record(&agent);
    assert!(refused.body.contains(record["transactionId"].as_str().expect("an id")), "{}", refused.body);
    for (key, expected) in [
        ("attachment", "caddy"),
        ("method", "GET"),
        ("host", "shop.test"),
        ("path", "/hostileword"),
        ("client", "127.0.0.1"),
    ] {
        assert_eq!(record[key], expected, "{key} of {record}");
    }
    assert!(!reached(&origin, "/hostileword?a=1"));
    assert_eq!(
        curl::run(&["-HX-Portcullis-Id: forged"], None, &format!("{}/headers", caddy.base)).status,
        200
    );
    let id = last_record(&agent)["transactionId"].as_str().expect("an id").to_owned();
    let seen = origin.seen();
    let told = &seen.last().expect("a request").headers;
    assert!(told.contains(&("x-portcullis-id".to_owned(), id)), "{told:?}");
}
