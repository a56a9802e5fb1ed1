//! HAProxy, which asks over SPOP: the configuration that is shipped, with other addresses.

mod bodies;
mod faults;
mod protocol;
mod refusals;
mod same;
mod streams;

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use portcullis_tests::files::binary;
use portcullis_tests::ports;

use super::super::curl;
use super::super::origin::Origin;
use super::super::process::Portcullis;
use super::{last_record, reached, table};

/// A HAProxy between clients and an application; killed when dropped.
pub(super) struct Gateway {
    child: Child,
    directory: tempfile::TempDir,
    /// HTTP/1.1.
    pub(super) base: String,
    /// HTTP/2 without TLS.
    base2: String,
}

/// What differs from the configuration that is shipped: texts, and what stands in their place.
pub(super) type Changes<'c> = &'c [(&'c str, &'c str)];

/// An agent with an endpoint at `{here}/spoe.sock`.
#[derive(Default)]
struct Agent<'a> {
    /// `prevent` when empty.
    mode: &'a str,
    /// More keys of the policy.
    policy: &'a str,
    /// More rules.
    rules: &'a str,
    /// More keys of the endpoint.
    endpoint: &'a str,
    /// More keys of the configuration.
    more: &'a str,
}

impl Agent<'_> {
    fn start(&self) -> Portcullis {
        let Self { mode, policy, rules, endpoint, more } = self;
        let mode = if mode.is_empty() { "prevent" } else { mode };
        let yaml = format!(
            r#"version: 1
attachments: {{ spoe: [{{ address: "unix:{{here}}/spoe.sock", {endpoint} }}] }}
assets: [{{ name: all, hosts: ["*"], policy: default }}]
policies:
  default:
    mode: {mode}
    signatures: {{ rules: [{{ file: rules.conf }}] }}
    {policy}
drain: {{ accept: 500ms }}
admin: {{ address: "127.0.0.1:0" }}
reports: {{ decisions: {{ to: "{{here}}/decisions.jsonl", only: all }} }}
{more}
"#
        );
        Portcullis::start_yaml(&yaml, &format!("{}{rules}", table::RULES))
    }
}

/// Where HAProxy asks this agent.
fn place(agent: &Portcullis) -> String {
    format!("unix@{}", agent.file("spoe.sock").display())
}

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/haproxy")
}

/// Times after which the agent passes for one that hangs, so long that a busy machine does not come to them.
const PATIENT: Changes<'static> = &[
    ("timeout connect 100ms", "timeout connect 20s"),
    ("timeout check 300ms", "timeout check 20s"),
    ("timeout hello 100ms", "timeout hello 20s"),
    ("timeout processing 500ms", "timeout processing 20s"),
];

impl Gateway {
    /// Starts it before this application, or says that it is not installed. It waits for the agent as long as it takes.
    fn start(agent: &Portcullis, origin: SocketAddr, changes: Changes<'_>) -> Option<Self> {
        Self::start_at(&place(agent), origin, "closed", &[changes, PATIENT].concat())
    }

    /// With the times that are shipped. `fail` is what it does while nobody answers.
    fn start_hasty(agent: &Portcullis, origin: SocketAddr, fail: &str, changes: Changes<'_>) -> Option<Self> {
        Self::start_at(&place(agent), origin, fail, changes)
    }

    /// With another place to ask at, and the times that are shipped.
    pub(super) fn start_at(
        place: &str,
        origin: SocketAddr,
        fail: &str,
        changes: Changes<'_>,
    ) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let (address, address2) = (ports::free(), ports::free());
        let read = |name: &str| std::fs::read_to_string(packaging().join(name)).expect("shipped");
        let spoe = directory.path().join("portcullis-spoe.conf");
        let (mut text, mut spoe_text) = (read("haproxy.cfg"), read("portcullis-spoe.conf"));
        let binds = format!("bind {address}\n    bind {address2} proto h2");
        let usual = [
            ("bind 127.0.0.1:8080", &*binds),
            ("127.0.0.1:3000", &*origin.to_string()),
            ("agent 127.0.0.1:9083", &*format!("agent {place}")),
            ("/etc/haproxy/portcullis-spoe.conf", &*spoe.display().to_string()),
        ];
        for (ours, theirs) in usual.iter().chain(changes) {
            let both = [&mut text, &mut spoe_text];
            let here = both.into_iter().find(|text| text.contains(ours)).unwrap_or_else(|| panic!("{ours}"));
            *here = here.replace(ours, theirs);
        }
        std::fs::write(&spoe, spoe_text).expect("written");
        let file = directory.path().join("haproxy.cfg");
        std::fs::write(&file, text).expect("written");
        let log = std::fs::File::create(directory.path().join("log")).expect("a file");
        let mut command = Command::new("haproxy");
        command
            .arg("-db")
            .arg("-f")
            .arg(&file)
            .env("PORTCULLIS_FAIL", fail)
            .stdout(Stdio::null())
            .stderr(log);
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                println!("left out: haproxy is not installed ({error})");
                return None;
            }
        };
        let (base, base2) = (format!("http://{address}"), format!("http://{address2}"));
        let gateway = Self { child, directory, base, base2 };
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < until, "{}", gateway.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(gateway)
    }

    /// The process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    fn get(&self, path: &str) -> u16 {
        curl::get(&format!("{}{path}", self.base)).status
    }

    /// Where it takes connections.
    fn address(&self) -> SocketAddr {
        self.base.trim_start_matches("http://").parse().expect("an address")
    }

    /// Waits until its checks have found out whether somebody is there.
    fn knows_that_the_agent_is(&self, word: &str) {
        let said = || self.log().lines().filter(|line| line.contains("portcullis/agent is ")).count();
        let until = Instant::now() + Duration::from_secs(20);
        let is = |line: &&str| line.contains("portcullis/agent is ");
        while !self.log().lines().rfind(is).is_some_and(|line| line.contains(&format!("is {word}"))) {
            assert!(Instant::now() < until, "{} times\n{}", said(), self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(mode: &str, changes: Changes<'_>) -> Option<(Origin, Portcullis, Gateway)> {
    let origin = Origin::start();
    let agent = Agent { mode, ..Agent::default() }.start();
    let gateway = Gateway::start(&agent, origin.address, changes)?;
    Some((origin, agent, gateway))
}

#[test]
fn the_configuration_that_is_shipped_is_one() {
    let mut command = Command::new(binary());
    let checked = command.arg("check").arg(packaging().join("portcullis.yaml")).output().expect("it runs");
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn it_sees_what_fits_into_its_buffer() {
    let Some((_origin, agent, gateway)) = start("prevent", &[]) else { return };
    let long = ["end of 500 KB"];
    table::check(&agent, &gateway.base, true, &[], &long);
    table::check(&agent, &gateway.base2, true, &["--http2-prior-knowledge"], &long);
    let missed = agent.metric("portcullis_attach_missed_total");
    assert!(missed < 0.5 && !gateway.log().contains("unasked"), "{}", gateway.log());
}

#[test]
fn detect_mode_passes_all_of_it() {
    let Some((origin, agent, gateway)) = start("detect", &[]) else { return };
    for row in table::rows() {
        assert_eq!(row.send("hostileword", &gateway.base, &[]), 200, "{}", row.name);
        let record = last_record(&agent);
        let is_whole = row.name != "end of 500 KB";
        assert_eq!(record["verdict"], "detect", "{}: {record}", row.name);
        assert_eq!(record["inspection"]["complete"], is_whole, "{}: {record}", row.name);
    }
    assert!(reached(&origin, "/?a=hostileword"));
    assert!(gateway.log().contains("/detect/allow"), "{}", gateway.log());
}

#[test]
fn the_record_tells_of_the_request_and_the_application_of_the_record() {
    let Some((origin, agent, gateway)) = start("prevent", &[]) else { return };
    let arguments = ["-HX-Portcullis-Id: forged", "-HX-Forwarded-For: 192.0.2.1", "-HHost: shop.test:81"];
    let answer = curl::run(&arguments, None, &format!("{}/headers?a=%3C", gateway.base));
    assert_eq!(answer.status, 200, "{}", gateway.log());
    let record = last_record(&agent);
    for (key, expected) in
        [("client", "127.0.0.1"), ("host", "shop.test"), ("attachment", "spoe"), ("method", "GET")]
    {
        assert_eq!(record[key], expected, "{key} of {record}");
    }
    let id = record["transactionId"].as_str().expect("an id");
    let seen = origin.seen();
    let told = &seen.last().expect("a request").headers;
    let ids: Vec<_> = told.iter().filter(|(name, _)| name == "x-portcullis-id").map(|(_, id)| id).collect();
    assert_eq!(ids, [id]);
    assert!(gateway.log().contains(&format!("portcullis={id}/pass/allow")), "{}", gateway.log());
    assert_eq!(gateway.get("/hostileword"), 403);
    assert!(!reached(&origin, "/hostileword"));
    let record = last_record(&agent);
    let id = record["transactionId"].as_str().expect("an id");
    let line = format!("portcullis={id}/prevent/deny error=- rules=1 ");
    assert!(gateway.log().contains(&line), "{line}\n{}", gateway.log());
}
