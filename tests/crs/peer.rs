//! The same requests to Portcullis and to nginx with libmodsecurity, blocking, with the same rules.
//!
//! Each request comes from an address of its own (127.x.y.z), by which both logs tell what matched in it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis_tests::core_rules::{SETTINGS, lay_out};
use portcullis_tests::files::crs_directory;
use portcullis_tests::modsecurity::ModSecurity;
use portcullis_tests::nginx::{MODSECURITY, Nginx};
use portcullis_tests::ports;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use transaction::Record;

use super::{http, suite};

/// A request with its name.
pub(crate) struct Sent {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// What became of a request at one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The status; 0 when there was no answer.
    pub(crate) status: u16,
    /// The rules that were logged.
    pub(crate) rules: BTreeSet<u32>,
    /// Whether the body is not what its type says (ours only).
    pub(crate) malformed: bool,
}

/// What a log says of a request.
#[derive(Default)]
struct Logged {
    rules: BTreeSet<u32>,
    malformed: bool,
}

impl Outcome {
    /// Refused: nginx breaks an answer off whose head it has sent.
    pub(crate) fn is_denied(&self) -> bool {
        self.status == 403 || (self.status == 0 && self.rules.contains(&959_100))
    }
}

/// nginx with libmodsecurity, and its audit log.
struct Peer {
    nginx: Nginx,
    log: PathBuf,
}

impl Peer {
    fn start(directory: &Path, origin: SocketAddr, paranoia: u8) -> Self {
        let here = directory.display();
        let log = directory.join(format!("audit-{paranoia}.jsonl"));
        let rules = format!(
            "{SETTINGS}SecRequestBodyLimit 134217728\nSecRequestBodyNoFilesLimit 134217728\n\
             SecAuditEngine On\nSecAuditLogParts AHZ\nSecAuditLogType Serial\nSecAuditLogFormat JSON\n\
             SecAuditLog {}\nSecTmpDir {here}\nSecDataDir {here}\n\
             SecAction \"id:9990009,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level={paranoia}\"\n\
             Include {here}/crs/crs-setup.conf\nInclude {here}/crs/rules/*.conf\n",
            log.display()
        );
        std::fs::write(directory.join("modsecurity.conf"), rules).expect("written");
        let address = ports::free();
        let http = format!(
            "large_client_header_buffers 8 64k; underscores_in_headers on; ignore_invalid_headers off;
             modsecurity on; modsecurity_rules_file {here}/modsecurity.conf;
             server {{ listen {address}; location / {{ proxy_pass http://{origin}; }} }}"
        );
        Self { nginx: Nginx::start(directory, address, &[MODSECURITY], &http).expect("nginx starts"), log }
    }
}

/// The address that the n-th request comes from.
fn source(number: usize) -> Ipv4Addr {
    let [_, a, b, c] = u32::try_from(number + 2).expect("few requests").to_be_bytes();
    Ipv4Addr::new(127, a + 1, b, c)
}

/// The statuses of all requests, one after the other.
fn send_all(address: SocketAddr, requests: &[Sent]) -> Vec<u16> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut statuses = Vec::with_capacity(requests.len());
        for (number, request) in requests.iter().enumerate() {
            let answer = send(address, source(number), &request.bytes);
            let status = tokio::time::timeout(Duration::from_secs(20), answer).await;
            statuses.push(status.ok().and_then(Result::ok).unwrap_or(0));
        }
        statuses
    })
}

/// The status of the answer to one request; its end is waited for, so that it is logged.
async fn send(address: SocketAddr, from: Ipv4Addr, request: &[u8]) -> std::io::Result<u16> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(IpAddr::V4(from), 0))?;
    let mut stream = socket.connect(address).await?;
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        answer.extend_from_slice(&buffer[..read]);
        if read == 0 || is_whole(&answer) {
            break;
        }
    }
    let line = String::from_utf8_lossy(&answer);
    Ok(line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0))
}

/// Whether an answer is complete by its head; one that is not is read until the connection closes or is quiet.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status == "304" || status == "204" {
        return true;
    }
    match head
        .split("content-length:")
        .nth(1)
        .and_then(|rest| rest.split("\r\n").next()?.trim().parse::<usize>().ok())
    {
        Some(length) => answer.len() >= end + 4 + length,
        None => answer.ends_with(b"0\r\n\r\n"),
    }
}

/// What a log of JSON lines says, by source address.
fn read_log(log: &Path, read: impl Fn(&Value) -> (String, Logged)) -> BTreeMap<String, Logged> {
    let text = String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned();
    let mut by_source: BTreeMap<String, Logged> = BTreeMap::new();
    for record in text.lines().filter_map(|line| serde_json::from_str(line).ok()) {
        let (source, found) = read(&record);
        let logged = by_source.entry(source).or_default();
        logged.rules.extend(found.rules);
        logged.malformed |= found.malformed;
    }
    by_source
}

/// One of our decision records.
fn our_record(record: &Value) -> (String, Logged) {
    let matches = record["matches"].as_array().into_iter().flatten();
    let rules = matches.filter_map(|found| u32::try_from(found["ruleId"].as_u64()?).ok()).collect();
    let mut reasons = record["inspection"]["reasons"].as_array().into_iter().flatten();
    let malformed = reasons.any(|reason| reason == "body-malformed");
    (record["client"].as_str().unwrap_or_default().to_owned(), Logged { rules, malformed })
}

/// One of libmodsecurity's audit records.
fn their_record(record: &Value) -> (String, Logged) {
    let transaction = &record["transaction"];
    let messages = transaction["messages"].as_array().into_iter().flatten();
    let rules = messages.filter_map(|found| found["details"]["ruleId"].as_str()?.parse().ok()).collect();
    let source = transaction["client_ip"].as_str().unwrap_or_default().to_owned();
    (source, Logged { rules, malformed: false })
}

fn outcomes(statuses: Vec<u16>, mut rules: BTreeMap<String, Logged>) -> Vec<Outcome> {
    let outcome = |(number, status): (usize, u16)| {
        let Logged { rules, malformed } = rules.remove(&source(number).to_string()).unwrap_or_default();
        Outcome { status, rules, malformed }
    };
    statuses.into_iter().enumerate().map(outcome).collect()
}

/// Every request of the suite.
pub(crate) fn suite_requests(crs: &Path) -> Vec<Sent> {
    let cases = suite::load_cases(&crs.join("tests"));
    let stages = cases.iter().flat_map(|(id, case)| case.stages.iter().map(move |stage| (id, stage)));
    stages
        .filter_map(|(id, stage)| Some(Sent { name: id.to_string(), bytes: stage.input.to_bytes().ok()? }))
        .collect()
}

/// A record as a client would send it.
pub(crate) fn wire(record: &Record) -> Sent {
    let head = &record.request;
    let mut bytes = [&head.method[..], b" ", &head.target, b" HTTP/1.1\r\n"].concat();
    let dropped = ["content-length", "transfer-encoding", "connection", "accept-encoding", "expect"];
    let kept = head
        .headers
        .iter()
        .filter(|header| !dropped.iter().any(|name| header.name.eq_ignore_ascii_case(name.as_bytes())));
    for header in kept {
        bytes.extend_from_slice(&[header.name, b": ", header.value, b"\r\n"].concat());
    }
    if head.headers.first(b"host").is_none() {
        bytes.extend_from_slice(b"Host: localhost\r\n");
    }
    if !record.body.is_empty() || matches!(head.method.as_slice(), b"POST" | b"PUT" | b"PATCH") {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n", record.body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&record.body);
    Sent { name: record.id.clone(), bytes }
}

/// What both say of the same requests at one paranoia level; `None` when one of them is missing.
pub(crate) fn compare(requests: &[Sent], paranoia: u8) -> Option<Vec<(Outcome, Outcome)>> {
    if !Path::new(MODSECURITY).exists() {
        println!("left out: no {MODSECURITY}");
        return None;
    }
    // The list of differences is that of one release of the library.
    ModSecurity::build()?;
    let (crs, driver) = (crs_directory()?, http::driver()?);
    let directory = tempfile::tempdir().expect("a directory");
    lay_out(&crs, &directory.path().join("crs"), SETTINGS).expect("rules are laid out");
    let (_origin, origin) = http::origin(&driver);
    let ours = {
        let (_portcullis, address) = http::portcullis(directory.path(), origin, "prevent", paranoia);
        let statuses = send_all(address, requests);
        std::thread::sleep(Duration::from_millis(300));
        outcomes(statuses, read_log(&directory.path().join(format!("prevent-{paranoia}.jsonl")), our_record))
    };
    let example = suite::text(&crs.join("rules/@crs-setup.conf.example"));
    std::fs::write(directory.path().join("crs/crs-setup.conf"), example).expect("written");
    let theirs = {
        let peer = Peer::start(directory.path(), origin, paranoia);
        let statuses = send_all(peer.nginx.address, requests);
        std::thread::sleep(Duration::from_millis(300));
        outcomes(statuses, read_log(&peer.log, their_record))
    };
    Some(ours.into_iter().zip(theirs).collect())
}
