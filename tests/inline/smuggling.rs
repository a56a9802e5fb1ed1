//! Request smuggling: `tests/smuggling/`, through the real binary, before applications that read HTTP each in its own way.
//!
//! Whatever a client sends, no application takes it for two requests, what it takes is what rules saw, and somebody
//! else's next request gets its own answer.

#[path = "smuggling/http2.rs"]
mod http2;
#[path = "smuggling/origins.rs"]
mod origins;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::process::{Portcullis, Setup};
use origins::{Application, Taken};

/// A case of `http1.yaml`; `tests/smuggling/README.md` says what its fields mean.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    technique: String,
    send: String,
    later: Option<String>,
    refused: Option<String>,
    status: Option<u16>,
    seen: Option<Seen>,
    #[serde(default)]
    waits: bool,
    #[serde(default)]
    not: Vec<String>,
}

impl Case {
    /// Whether an application has a mind of its own about it.
    fn excuses(&self, application: &str) -> bool {
        self.not.iter().any(|not| not == application)
    }
}

/// What an application takes a case for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    method: String,
    body: String,
    /// A header that must not reach it.
    without: Option<String>,
}

/// A decision record, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Record {
    path: String,
    method: String,
    status: u16,
    malformed: Option<String>,
    matches: Vec<Match>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Match {
    rule_id: u32,
    matched: String,
}

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: shop.example.com\r\n\r\n";

/// Writes the body that rules see into the record.
const SEES_BODIES: &str = r#"
SecAction "id:10,phase:1,pass,nolog,ctl:forceRequestBodyVariable=On"
SecRule REQUEST_BODY "@unconditionalMatch" "id:11,phase:2,pass,log,t:none,t:hexEncode"
"#;

/// A text of the corpus with what its placeholders stand for.
fn full(name: &str, text: &str) -> String {
    text.replace("{p}", &format!("/{name}"))
        .replace("{h}", "HTTP/1.1\r\nHost: shop.example.com\r\n")
        .replace("{s}", SMUGGLED)
}

fn cases() -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("smuggling/http1.yaml");
    let mut cases: Vec<Case> =
        serde_saphyr::from_str(&std::fs::read_to_string(path).expect("the corpus")).expect("cases");
    assert!(cases.len() >= 200);
    for case in &mut cases {
        case.send = full(&case.name, &case.send);
        case.later = case.later.as_deref().map(|later| full(&case.name, later));
        if let Some(seen) = &mut case.seen {
            seen.body = seen.body.replace("{s}", SMUGGLED);
        }
    }
    cases
}

#[test]
fn an_application_that_keeps_every_byte() {
    run(Some(Application::strict()));
}

#[test]
fn nginx() {
    run(Application::nginx());
}

#[test]
fn node() {
    run(Application::node());
}

#[test]
fn python() {
    run(Application::python());
}

/// All cases, in both modes.
fn run(application: Option<Application>) {
    let Some(application) = application else { return };
    let cases = cases();
    for mode in ["detect", "prevent"] {
        let directory = tempfile::tempdir().expect("a directory");
        let decisions = directory.path().join("decisions");
        let proxy = Portcullis::start(&Setup {
            mode,
            rules: SEES_BODIES.to_owned(),
            decisions: format!("to: {}, only: all", decisions.display()),
            ..Setup::new(application.address)
        });
        let before = application.taken().len();
        let mut honest = Honest { address: proxy.address, stream: None, count: 0 };
        for case in &cases {
            send(proxy.address, case, application.name);
            honest.ask(&format!("behind {} ({}, {mode})", case.name, case.technique));
        }
        let taken = taken(&application, before, honest.count);
        compare(&cases, &taken, &format!("{} {mode}", application.name), application.name);
        compare_records(&cases, &decisions, application.name, mode);
        for (reason, count) in reasons(&cases) {
            let counted =
                proxy.metric(&format!("portcullis_malformed_requests_total{{reason=\"{reason}\"}}"));
            assert!((counted - f64::from(count)).abs() < 0.5, "{mode} {reason}: {counted}, not {count}");
        }
        let other = proxy.metric("portcullis_malformed_requests_total{reason=\"other\"}");
        assert!(other < 0.5, "Pingora refused {other} by itself");
    }
}

/// Sends a case on a connection of its own, and compares the answer.
fn send(address: SocketAddr, case: &Case, application: &str) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    let _ = stream.write_all(&bytes(&case.send));
    match case.later.as_deref() {
        Some("") => stream.shutdown(Shutdown::Write).expect("half closed"),
        Some(later) => {
            std::thread::sleep(Duration::from_millis(50));
            let _ = stream.write_all(&bytes(later));
        }
        None => {}
    }
    if case.waits {
        stream.set_read_timeout(Some(Duration::from_millis(60))).expect("a timeout");
        let mut answer = [0; 256];
        let read = stream.read(&mut answer).unwrap_or(0);
        let answered = read > 0 && !answer.starts_with(b"HTTP/1.1 400") && !case.excuses(application);
        assert!(!answered, "{}: {}", case.name, answer.escape_ascii());
        return;
    }
    let is_head = case.send.starts_with("HEAD");
    let status = answer(&mut stream, is_head).map(|(status, _)| status);
    match (&case.refused, &case.seen) {
        (Some(_), _) => assert_eq!(status, Some(case.status.unwrap_or(400)), "{}", case.name),
        _ if case.excuses(application) => {}
        _ => assert_eq!(status, Some(200), "{} {application}", case.name),
    }
}

/// Characters as bytes.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|char| u8::try_from(u32::from(char)).expect("Latin 1")).collect()
}

/// The status and body of the next final answer; `None` when the connection closes first.
fn answer(stream: &mut TcpStream, is_head: bool) -> Option<(u16, String)> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let mut read = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            more(stream, &mut read)?;
        };
        let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
        let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
        if status < 200 {
            read.drain(..end);
            continue;
        }
        let length = head.split("\r\ncontent-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        while !is_head && read.len() < end + length {
            more(stream, &mut read)?;
        }
        return Some((status, String::from_utf8_lossy(&read[end..]).into_owned()));
    }
}

fn more(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<()> {
    let mut bytes = [0; 4096];
    let count = stream.read(&mut bytes).ok().filter(|count| *count > 0)?;
    read.extend_from_slice(&bytes[..count]);
    Some(())
}

/// Somebody else, on a connection of their own.
struct Honest {
    address: SocketAddr,
    stream: Option<TcpStream>,
    count: usize,
}

impl Honest {
    /// Asks, and has to get the answer to that and to nothing else.
    fn ask(&mut self, place: &str) {
        self.count += 1;
        let target = format!("/honest-{}", self.count);
        let mut stream =
            self.stream.take().unwrap_or_else(|| TcpStream::connect(self.address).expect("a connection"));
        let request = format!("GET {target} HTTP/1.1\r\nHost: shop.example.com\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("written");
        let answer = answer(&mut stream, false);
        assert_eq!(answer, Some((200, format!("GET {target}\n"))), "{place}");
        self.stream = Some(stream);
    }
}

/// What the application took, once it has said so of the last honest request.
fn taken(application: &Application, before: usize, honest: usize) -> Vec<Taken> {
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let taken = application.taken().split_off(before);
        let last = format!("/honest-{honest}");
        if taken.iter().any(|taken| taken.target == last) || Instant::now() > until {
            return taken;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn compare(cases: &[Case], taken: &[Taken], place: &str, application: &str) {
    let smuggled = taken.iter().find(|taken| taken.target.contains("smuggled"));
    assert!(smuggled.is_none(), "{place}: {smuggled:?}");
    for case in cases {
        let path = format!("/{}", case.name);
        let here: Vec<&Taken> = taken.iter().filter(|taken| taken.target.ends_with(&path)).collect();
        if case.excuses(application) {
            continue;
        }
        let Some(seen) = &case.seen else {
            assert!(here.is_empty(), "{place} {}: {here:?}", case.name);
            continue;
        };
        assert_eq!(here.len(), 1, "{place} {}: {here:?}", case.name);
        assert_eq!(here[0].method, seen.method, "{place} {}", case.name);
        assert!(
            here[0].body.as_ref().is_none_or(|body| *body == seen.body),
            "{place} {}: {here:?}",
            case.name
        );
        let mut headers = here[0].headers.chunks(2);
        let kept = |header: &[String]| {
            seen.without.as_ref().is_some_and(|without| header[0].eq_ignore_ascii_case(without))
                && !header[1].is_empty()
        };
        assert!(!headers.any(kept), "{place} {}: {here:?}", case.name);
    }
    let refused_there = cases.iter().filter(|case| case.excuses(application)).count();
    let errors: Vec<_> = taken.iter().filter_map(|taken| taken.error.as_ref()).collect();
    assert!(errors.len() <= refused_there, "{place}: {errors:?}");
}

/// Rules saw what the application took, and what was refused is said.
fn compare_records(cases: &[Case], decisions: &Path, application: &str, mode: &str) {
    let until = Instant::now() + Duration::from_secs(5);
    let last = format!("/honest-{}\"", cases.len());
    let mut text = String::new();
    while !text.contains(&last) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
        text = std::fs::read_to_string(decisions).unwrap_or_default();
    }
    let records: Vec<Record> =
        text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
    for case in cases {
        let Some(seen) = &case.seen else { continue };
        let path = format!("/{}", case.name);
        let here: Vec<&Record> = records.iter().filter(|record| record.path.ends_with(&path)).collect();
        assert_eq!(here.len(), 1, "{application} {mode} {}: {here:?}", case.name);
        assert_eq!((&here[0].method, &here[0].malformed), (&seen.method, &None), "{}", case.name);
        let matched = here[0].matches.iter().find(|found| found.rule_id == 11);
        let body = matched.map_or("", |found| &found.matched);
        let expected: String = seen.body.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(body, expected, "{application} {mode} {}", case.name);
    }
    let mut told: BTreeMap<&str, u32> = BTreeMap::new();
    for record in records.iter().filter(|record| record.malformed.is_some()) {
        assert!([400, 417].contains(&record.status), "{record:?}");
        *told.entry(record.malformed.as_deref().unwrap_or_default()).or_default() += 1;
    }
    assert_eq!(told, reasons(cases), "{application} {mode}");
}

/// How often each reason is expected.
fn reasons(cases: &[Case]) -> BTreeMap<&str, u32> {
    let mut reasons = BTreeMap::new();
    for reason in cases.iter().filter_map(|case| case.refused.as_deref()).filter(|reason| !reason.is_empty())
    {
        *reasons.entry(reason).or_default() += 1;
    }
    reasons
}
