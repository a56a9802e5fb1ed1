//! The reference, item by item: rows of rules, requests and what matches, and the document that lists them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{Evaluation, Outcome, Refusal, Request, Snapshot, Step, Verdict};
use serde::Deserialize;
use signatures::collections::{CollectionStore, MemoryStore};
use signatures::seclang::{Entry, Kind, MemoryFiles, Support, reference};
use transaction::{Connection, Fields, Listing, RequestHead, ResponseHead};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    rules: String,
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// One after another, with what rules remember between them.
    requests: Vec<Sent>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    /// Seconds since 1790000000, a Monday.
    #[serde(default)]
    at: i64,
    method: Option<String>,
    target: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    client: Option<std::net::IpAddr>,
    /// What lists in the DNS say of the client, by zone.
    #[serde(default)]
    listings: BTreeMap<String, String>,
    response: Option<Answer>,
    /// The rules that match, those without a log line left out.
    matches: Vec<u32>,
    /// What stops the transaction: a status, 0 for a closed connection. Nothing does when absent.
    status: Option<u16>,
    location: Option<String>,
    /// Texts of the first match: `msg`, `logdata` and tags.
    messages: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("seclang")
}

fn yaml_files() -> Vec<PathBuf> {
    let read = std::fs::read_dir(directory()).expect("a directory");
    let mut files: Vec<_> = read.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

#[test]
fn rows_match_what_they_say() {
    let mut wrong = String::new();
    for file in yaml_files() {
        let text = std::fs::read_to_string(&file).expect("a file");
        let rows: Vec<Row> =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for row in &rows {
            for fault in check(row) {
                let _ = writeln!(wrong, "{}: {}: {fault}", file.display(), row.name);
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

fn check(row: &Row) -> Vec<String> {
    let text = "version: 1\nupstreams: { u: { servers: ['a:1'] } }\n\
                assets: [{ name: a, hosts: ['*'], upstream: u, policy: p }]\n\
                rbl: {}\n\
                policies: { p: { mode: prevent, model: none, inspect_responses: true, signatures: { rules: [r.conf] } } }\n";
    let files = row
        .files
        .iter()
        .fold(MemoryFiles::default().with("r.conf", row.rules.as_str()), |files, (name, text)| {
            files.with(name.as_str(), text.as_str())
        });
    let shown =
        |found: &[signatures::Diagnostic]| found.iter().map(|it| it.render(false)).collect::<String>();
    let snapshot = match Snapshot::build("p.yaml", text, &files, 0) {
        Ok((snapshot, warnings)) if warnings.is_empty() => Arc::new(snapshot),
        Ok((_, found)) | Err(found) => return vec![shown(&found)],
    };
    let store: Arc<dyn CollectionStore> = Arc::new(MemoryStore::default());
    let faults = row.requests.iter().enumerate().filter_map(|(index, sent)| {
        send(&snapshot, &store, sent).err().map(|fault| format!("request {index}: {fault}"))
    });
    faults.collect()
}

fn send(snapshot: &Arc<Snapshot>, store: &Arc<dyn CollectionStore>, sent: &Sent) -> Result<(), String> {
    let mut evaluation = Evaluation::begin(snapshot.clone(), request(store, sent));
    let answers = sent.listings.iter();
    let answers = answers.map(|(zone, word)| (zone.as_str(), Listing::parse(word).expect("an answer")));
    evaluation.answer_lists(answers.collect());
    run(&mut evaluation, sent);
    let (status, location) = match evaluation.verdict() {
        Verdict::Prevent(_, Refusal::Page { status }) => (Some(*status), None),
        Verdict::Prevent(_, Refusal::Redirect { status, location }) => {
            (Some(*status), Some(location.clone()))
        }
        Verdict::Prevent(_, Refusal::TooMany { .. }) => (Some(429), None),
        Verdict::Prevent(_, Refusal::Close) => (Some(0), None),
        Verdict::Pass | Verdict::Detect(_) => (None, None),
    };
    let record = evaluation.finish(Outcome::default());
    let mut ids: Vec<u32> = record.matches.iter().map(|found| found.rule_id).collect();
    ids.sort_unstable();
    let mut expected = sent.matches.clone();
    expected.sort_unstable();
    same("matches", &expected, &ids)?;
    same("status", &sent.status, &status)?;
    if sent.location.is_some() {
        same("location", &sent.location, &location)?;
    }
    if let Some(texts) = &sent.messages {
        let found = &record.matches[0];
        let all: Vec<String> =
            [found.msg.clone(), found.logdata.clone()].into_iter().chain(found.tags.clone()).collect();
        same("messages", texts, &all)?;
    }
    Ok(())
}

fn request(store: &Arc<dyn CollectionStore>, sent: &Sent) -> Request {
    let mut headers: Fields = [("Host", "h")]
        .into_iter()
        .chain(sent.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .collect();
    if sent.body.is_some() && !sent.headers.contains_key("Content-Type") {
        headers.push(b"Content-Type", b"application/x-www-form-urlencoded");
    }
    let usual = Connection::default();
    let connection = Connection {
        client_address: sent.client.unwrap_or(usual.client_address),
        client_port: 40_000,
        ..usual
    };
    let head = RequestHead {
        method: sent.method.clone().unwrap_or_else(|| "GET".to_owned()).into_bytes(),
        target: sent.target.clone().unwrap_or_else(|| "/".to_owned()).into_bytes(),
        protocol: b"HTTP/1.1".to_vec(),
        headers,
    };
    Request {
        id: "0a".to_owned(),
        started_us: (1_790_000_000 + sent.at) * 1_000_000,
        connection,
        client_subject: None,
        head,
        collections: Some(store.clone()),
    }
}

/// All stages, until one refuses.
fn run(evaluation: &mut Evaluation, sent: &Sent) {
    if evaluation.request_headers() != Step::Continue {
        return;
    }
    if let Some(body) = sent.body.as_ref().filter(|_| evaluation.plan().request_body)
        && evaluation.request_body(body.as_bytes()) != Step::Continue
    {
        return;
    }
    if evaluation.request_end() != Step::Continue {
        return;
    }
    let Some(answer) = &sent.response else { return };
    let headers = answer.headers.iter().collect();
    let head = ResponseHead { status: answer.status.unwrap_or(200), protocol: b"HTTP/1.1".to_vec(), headers };
    if evaluation.response_headers(head) == Step::Continue
        && evaluation.response_body(answer.body.as_bytes()) == Step::Continue
    {
        evaluation.response_end();
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, found: &T) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("{what}: expected {expected:?}, found {found:?}")) }
}

/// Files that show what becomes of names, the most telling first.
fn shown_by() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files: Vec<PathBuf> = yaml_files();
    let others = [
        "tests/diagnostics/reference-no-effect.conf",
        "tests/diagnostics/reference-refused.conf",
        "signatures/src/run/tests.rs",
        "engine/src/audit/tests.rs",
    ];
    files.extend(others.iter().map(|path| root.join(path)));
    let named = |path: PathBuf| {
        let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).ok();
        let name = name.map(|name| format!("tests/{}", name.display()));
        let other = others.iter().find(|other| path.ends_with(other)).map(|other| (*other).to_owned());
        (other.or(name).expect("one of these"), std::fs::read_to_string(&path).expect("a file"))
    };
    files.into_iter().map(named).collect()
}

/// Whether rules in a text use a name.
fn uses(text: &str, entry: &Entry) -> bool {
    let name = entry.name;
    let bounded = |before: &str, after: &str| {
        let wanted = format!("{before}{name}");
        text.match_indices(&wanted).any(|(at, _)| {
            let first = text[..at].chars().next_back().unwrap_or('\n');
            let next = text[at + wanted.len()..].chars().next().unwrap_or('\n');
            let is_start = !before.is_empty() || !(first.is_ascii_alphanumeric() || "_:.%{".contains(first));
            is_start
                && (if after.is_empty() {
                    !(next.is_ascii_alphanumeric() || next == '_')
                } else {
                    after.contains(next)
                })
        })
    };
    match entry.kind {
        Kind::Directive => text.lines().any(|line| line.split_whitespace().next() == Some(name)),
        Kind::Variable => bounded("", ""),
        Kind::Operator => bounded("@", ""),
        Kind::Transformation => bounded("t:", ""),
        Kind::Action => bounded("", ":,\"'"),
        Kind::Control => bounded("ctl:", "="),
    }
}

fn document() -> String {
    let files = shown_by();
    let mut out = String::from(HEAD);
    let mut kind = None;
    for entry in reference() {
        if kind != Some(entry.kind) {
            kind = Some(entry.kind);
            let _ = write!(
                out,
                "\n## {}\n\n| name | what it is for | here | shown by |\n|---|---|---|---|\n",
                title(entry.kind)
            );
        }
        let here = match &entry.support {
            Support::Full => "supported".to_owned(),
            Support::Differs(how) => format!("supported; {how}"),
            Support::NoEffect(why) => format!("no effect: {why}"),
            Support::Refused(why) => format!("refused: {why}"),
        };
        let file = files.iter().find(|(_, text)| uses(text, &entry));
        let file = file.map_or("nothing", |(name, _)| name);
        let _ = writeln!(out, "| `{}` | {} | {here} | {file} |", entry.name, entry.about);
    }
    out
}

fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Directive => "Directives",
        Kind::Variable => "Variables",
        Kind::Operator => "Operators",
        Kind::Transformation => "Transformations",
        Kind::Action => "Actions",
        Kind::Control => "Options of `ctl`",
    }
}

const HEAD: &str = "# SecLang

What of the ModSecurity v3 reference manual Portcullis does. This page is generated: `./x bless` writes it from the engine's own
tables, and a test compares them. Every line names a file with a row that shows it.

- **supported**: it does what the reference says, with the difference that is named, if there is one.
- **no effect**: it is accepted with a warning (`portcullis check` shows them all), and changes nothing.
- **refused**: the rules are not loaded; the diagnostic says why, and what to do instead.

Values are bytes, compared as bytes; times are UTC. `Include` and `IncludeOptional` take paths and globs, relative to their file.
Whether a disruptive action stops anything is for the policy's `mode` to say.
";

#[test]
fn every_name_is_shown_by_a_row() {
    let files = shown_by();
    let missing: Vec<_> = reference()
        .into_iter()
        .filter(|entry| !files.iter().any(|(_, text)| uses(text, entry)))
        .map(|entry| format!("{:?} {}", entry.kind, entry.name))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_document_is_what_the_tables_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/seclang.md");
    let wanted = document();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &wanted).expect("a writable file");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "docs/seclang.md is out of date: run `./x bless`");
}
