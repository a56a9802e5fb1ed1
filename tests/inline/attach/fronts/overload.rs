//! More at once than a front takes, and inspection that takes too long: what becomes of it is said, at once, and counted.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::super::super::origin::Origin;
use super::super::super::process::Portcullis;
use super::{Places, USUAL, Way, by_envoy, by_envoys_check, curl, table};

/// A connection, over whatever.
trait Connection: Read + Write {}
impl<T: Read + Write> Connection for T {}

/// Requests that have begun and wait for the rest of their bodies.
struct Held(Vec<Box<dyn Connection>>);

impl Held {
    /// So many, with this head, which announces two bytes more.
    fn open(count: usize, connect: impl Fn() -> Box<dyn Connection>, head: &str) -> Self {
        let open = |_| {
            let mut stream = connect();
            stream.write_all(format!("{head}Content-Length: 2\r\n\r\n").as_bytes()).expect("sent");
            stream
        };
        let held = Self((0..count).map(open).collect());
        std::thread::sleep(Duration::from_millis(300));
        held
    }

    /// Their bodies come; the statuses.
    fn end(self) -> Vec<u16> {
        let end = |mut stream: Box<dyn Connection>| {
            stream.write_all(b"a=").expect("sent");
            status(&mut *stream)
        };
        self.0.into_iter().map(end).collect()
    }
}

fn status(stream: &mut dyn Connection) -> u16 {
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("answered");
    String::from_utf8_lossy(&answer[9..]).parse().expect("a status")
}

fn tcp(address: SocketAddr) -> Box<dyn Connection> {
    let stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    Box::new(stream)
}

fn unix(path: &str) -> Box<dyn Connection> {
    let stream = UnixStream::connect(path.trim_start_matches("unix:")).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    Box::new(stream)
}

const FULL: usize = 3;

/// An agent whose fronts take three requests at once.
fn small() -> (Origin, Portcullis) {
    let origin = Origin::start();
    let yaml = Places::unix().yaml(origin.address, "", "");
    let limited = |yaml: String, key: &str| {
        yaml.replace(&format!("{key} }}"), &format!("{key}, limits: {{ requests_max: {FULL} }} }}"))
    };
    let yaml = ["dialect: native", "dialect: nginx", "dialect: caddy", "bodies: true", "127.0.0.1:0\""]
        .iter()
        .fold(yaml, |yaml, key| limited(yaml, key));
    // The admin listener has no such limit.
    let yaml = yaml.replace(
        &format!("admin: {{ address: \"127.0.0.1:0\", limits: {{ requests_max: {FULL} }} }}"),
        "admin: { address: \"127.0.0.1:0\" }",
    );
    let agent = Portcullis::start_yaml(&yaml, table::RULES);
    (origin, agent)
}

fn shed(agent: &Portcullis) -> f64 {
    let text = agent.admin("/metrics");
    let lines = text.lines().filter(|line| line.starts_with("portcullis_requests_shed_total{"));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// While so many are held, each more is answered with `refused` at once, and counted; afterwards they are taken again.
#[track_caller]
fn check(agent: &Portcullis, held: Held, ask: impl Fn() -> u16, refused: u16, name: &str) {
    let (before, begun, more) = (shed(agent), Instant::now(), 20);
    for _ in 0..more {
        assert_eq!(ask(), refused, "{name}: {}", agent.said());
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{name} waits: {:?}", begun.elapsed());
    assert!((shed(agent) - before - f64::from(more)).abs() < 0.1, "{name}: {}", agent.admin("/metrics"));
    assert!(held.end().iter().all(|status| *status == 200), "{name}: {}", agent.said());
    // As soon as they are over.
    let until = Instant::now() + Duration::from_secs(5);
    while ask() != 200 {
        assert!(Instant::now() < until, "{name}: {}", agent.said());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(agent.said().contains("too many requests at once"), "{name}: {}", agent.said());
}

#[test]
fn one_too_many_is_answered_at_once_by_every_front() {
    let (origin, agent) = small();
    let inspect = agent.inspect.clone();
    let answered = |name: &str| {
        agent.metric(&format!("portcullis_attach_requests_total{{answer=\"shed\",attachment=\"{name}\"}}"))
    };

    let head = "POST / HTTP/1.1\r\nHost: h\r\n";
    let held = Held::open(FULL, || tcp(agent.address), head);
    check(&agent, held, || curl::get(&agent.url("/?a=1")).status, 503, "listener");
    let hostile = curl::get(&agent.url("/?a=hostileword"));
    assert_eq!(hostile.status, 403);

    // What a gateway gets has no verdict, so that it does what it does without an answer.
    let of = |name: &str| {
        let (place, head) = match name {
            "native" => (
                &inspect[0],
                "POST / HTTP/1.1\r\nHost: p\r\nX-Portcullis-Client: ::1\r\nContent-Type: message/http\r\n",
            ),
            "nginx" => (
                &inspect[1],
                "GET / HTTP/1.1\r\nHost: h\r\nX-Original-Method: POST\r\nX-Original-URI: /\r\nX-Real-IP: ::1\r\n",
            ),
            _ => (
                &inspect[2],
                "GET / HTTP/1.1\r\nHost: p\r\nX-Forwarded-Method: POST\r\nX-Forwarded-Uri: /\r\nX-Forwarded-Proto: http\r\n\
                 X-Forwarded-Host: h\r\nX-Forwarded-For: ::1\r\n",
            ),
        };
        (place.clone(), head)
    };
    for way in Way::all(&agent, &origin, USUAL) {
        let name = match way.name {
            "Lua" | "nginx module" => "native",
            "auth_request" => "nginx",
            "Caddy" => "caddy",
            _ => continue,
        };
        let refused = match way.name {
            "auth_request" => 500,
            _ => 503,
        };
        let (place, head) = of(name);
        let before = answered(name);
        if name == "native" {
            // Two bytes are no request: these are held, and then not understood.
            let held = Held::open(FULL, || unix(&place), head);
            let full = held.0.len();
            assert_eq!((full, way.get("/?a=1")), (FULL, refused), "{}: {}", way.name, way.said());
            drop(held);
            std::thread::sleep(Duration::from_millis(300));
        } else {
            let held = Held::open(FULL, || unix(&place), head);
            check(&agent, held, || way.get("/?a=1"), refused, way.name);
        }
        assert!(answered(name) > before, "{}: {}", way.name, agent.admin("/metrics"));
    }
}

/// What `ext_authz` asks about is shown at once, so that nothing of it can be held: what fills the endpoint comes by `ext_proc`.
#[test]
fn envoy_is_told_at_once_and_does_what_it_does_without_an_answer() {
    let (origin, agent) = small();
    let Some(holder) = by_envoy(&agent.inspect[3], USUAL, &origin) else { return };
    let Some(checking) = by_envoys_check(&agent.inspect[3], USUAL, &origin) else { return };
    for (way, refused, name) in [(&holder, 500, "ext-proc"), (&checking, 503, "ext-authz")] {
        let held = Held::open(FULL, || tcp(holder.address), "POST / HTTP/1.1\r\nHost: h\r\n");
        check(&agent, held, || way.get("/?a=1"), refused, way.name);
        let line = format!("portcullis_attach_requests_total{{answer=\"shed\",attachment=\"{name}\"}}");
        assert!(agent.metric(&line) > 19.5, "{}: {}", way.name, agent.admin("/metrics"));
        assert_eq!(way.get("/?a=hostileword"), 403, "{}: {}", way.name, way.said());
    }
}

/// Rules that take longer than the deadline on a long header: what looks around is matched slowly.
fn slow_rules() -> String {
    let rule = |n: u32| {
        let pattern = format!("[a-f][0-9](?=[g-z])[a-z][a-f](?![a-z])[0-9]{{{}}}[!-/]", 2 + n % 9);
        format!("SecRule REQUEST_HEADERS:X-Long \"@rx {pattern}\" \"id:{},phase:1,deny\"\n", 1000 + n)
    };
    (0..100).map(rule).collect()
}

#[test]
fn what_takes_too_long_is_for_the_policy_by_every_front() {
    let long = format!("-HX-Long: {}", "a1gb2hc3!".repeat(700));
    for (failure, expected) in [("pass", 200), ("block", 403)] {
        let origin = Origin::start();
        let policy = format!("on_inspection_failure: {failure}\n    deadlines: {{ request_headers: 5ms }}");
        let rules = format!("{}{}", table::RULES, slow_rules());
        let agent = Portcullis::start_yaml(&Places::unix().yaml(origin.address, &policy, ""), &rules);
        for way in Way::all(&agent, &origin, USUAL) {
            let url = format!("http://{}/", way.address);
            let late = || agent.metric("portcullis_uninspected_total{reason=\"deadline\"}");
            let open = || agent.metric("portcullis_fail_open_total{reason=\"deadline\"}");
            let (late_before, open_before) = (late(), open());
            let found = curl::run(&[&long], None, &url).status;
            let said = || format!("{} {failure}: {}\n{}", way.name, way.said(), agent.said());
            assert_eq!(found, expected, "{}", said());
            assert!((late() - late_before - 1.0).abs() < 0.1, "uncounted: {}", said());
            let passed = if failure == "pass" { 1.0 } else { 0.0 };
            assert!((open() - open_before - passed).abs() < 0.1, "uncounted: {}", said());
            // What was found by then stays found.
            assert_eq!(curl::run(&[&long], None, &format!("{url}?a=hostileword")).status, 403, "{}", said());
        }
        let said = agent.said().contains("requests pass whose inspection failed");
        assert_eq!(said, failure == "pass", "{}", agent.said());
    }
}
