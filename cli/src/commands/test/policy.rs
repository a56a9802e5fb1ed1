//! Policy tests: requests with the verdict they must get. The format is described in `docs/testing.md`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use engine::{Evaluation, Refusal, Snapshot, Verdict};
use serde::Deserialize;
use transaction::{Connection, Fields, Rate, Record, RequestHead, ResponseHead};

use super::{Tally, yaml_files};
use crate::Outcome;
use crate::settings::Judging;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The configuration to judge by, relative to this file; the command line's when absent.
    config: Option<String>,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    request: Request,
    response: Option<Response>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    #[serde(default = "get")]
    method: String,
    #[serde(default = "root")]
    target: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    client: Option<std::net::IpAddr>,
    /// Rate limits that it is one too many for.
    #[serde(default)]
    over_limits: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Response {
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// `pass`, `detect` or `prevent`.
    verdict: Option<Word>,
    /// Rules that must match; others may.
    #[serde(default)]
    rules: Vec<u32>,
    /// Rules that must not match.
    #[serde(default)]
    not_rules: Vec<u32>,
    /// The status of the block page.
    status: Option<u16>,
    asset: Option<String>,
    policy: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Pass,
    Detect,
    Prevent,
}

fn get() -> String {
    "GET".to_owned()
}

fn root() -> String {
    "/".to_owned()
}

fn ok() -> u16 {
    200
}

pub(super) fn run(path: &Path, judging: &Judging) -> anyhow::Result<Outcome> {
    let mut tally = Tally::default();
    let mut shared = None;
    for file in yaml_files(path)? {
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let parsed: File = serde_saphyr::from_str(&text)
            .with_context(|| format!("`{}` is not a policy test", file.display()))?;
        let snapshot = match (&parsed.config, &shared) {
            (Some(config), _) => {
                let beside = file.parent().unwrap_or(Path::new("")).join(config);
                Judging { config: Some(beside), ..Judging::default() }.snapshot()?
            }
            (None, Some(snapshot)) => Arc::clone(snapshot),
            (None, None) => Arc::clone(shared.insert(judging.snapshot()?)),
        };
        for case in &parsed.tests {
            tally.add(&format!("{}: {}", file.display(), case.name), check(&snapshot, case));
        }
    }
    tally.conclude()
}

fn check(snapshot: &Arc<Snapshot>, case: &Case) -> Result<(), String> {
    let evaluation = Evaluation::of_record(snapshot.clone(), &record(case));
    let expect = &case.expect;
    let verdict = evaluation.verdict();
    if let Some(word) = expect.verdict {
        same("verdict", word.as_str(), verdict.as_str())?;
    }
    let matched: Vec<u32> = evaluation.matches().map(|found| found.id.get()).collect();
    let missing: Vec<_> = expect.rules.iter().filter(|id| !matched.contains(id)).collect();
    let unwanted: Vec<_> = expect.not_rules.iter().filter(|id| matched.contains(id)).collect();
    if !missing.is_empty() || !unwanted.is_empty() {
        return Err(format!("rules that did not match: {missing:?}; that should not have: {unwanted:?}"));
    }
    if let Some(status) = expect.status {
        same("status", &status.to_string(), &answered(verdict))?;
    }
    if let Some(asset) = &expect.asset {
        same("asset", asset, evaluation.asset().map_or("none", |asset| &asset.name))?;
    }
    if let Some(policy) = &expect.policy {
        same("policy", policy, evaluation.policy().map_or("none", |policy| &policy.name))?;
    }
    Ok(())
}

fn same(what: &str, expected: &str, found: &str) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("{what}: expected {expected}, found {found}")) }
}

fn answered(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Prevent(_, Refusal::Page { status } | Refusal::Redirect { status, .. }) => {
            status.to_string()
        }
        Verdict::Prevent(_, Refusal::TooMany { .. }) => "429".to_owned(),
        Verdict::Prevent(_, Refusal::Close) => "closed connection".to_owned(),
        Verdict::Pass | Verdict::Detect(_) => "none".to_owned(),
    }
}

impl Word {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Detect => "detect",
            Self::Prevent => "prevent",
        }
    }
}

fn record(case: &Case) -> Record {
    let request = &case.request;
    let mut headers: Fields = request.headers.iter().collect();
    let standard = [("Host", "localhost"), ("User-Agent", "portcullis-test"), ("Accept", "*/*")];
    for (name, value) in standard {
        if headers.first(name.as_bytes()).is_none() {
            headers.push(name.as_bytes(), value.as_bytes());
        }
    }
    if !request.body.is_empty() {
        if headers.first(b"content-type").is_none() {
            headers.push(b"Content-Type", b"application/x-www-form-urlencoded");
        }
        if headers.first(b"content-length").is_none() {
            headers.push(b"Content-Length", request.body.len().to_string().as_bytes());
        }
    }
    let one_too_many = Rate { is_over: true, ..Rate::default() };
    let mut connection = Connection::default();
    connection.client_address = request.client.unwrap_or(connection.client_address);
    Record {
        id: "0".to_owned(),
        connection,
        rates: request.over_limits.iter().map(|limit| (limit.as_str(), one_too_many)).collect(),
        request: RequestHead {
            method: request.method.clone().into_bytes(),
            target: request.target.clone().into_bytes(),
            protocol: b"HTTP/1.1".to_vec(),
            headers,
        },
        body: request.body.clone().into_bytes(),
        response: case.response.as_ref().map(response),
        ..Record::default()
    }
}

fn response(response: &Response) -> (ResponseHead, Vec<u8>) {
    let headers = response.headers.iter().collect();
    let head = ResponseHead { status: response.status, protocol: b"HTTP/1.1".to_vec(), headers };
    (head, response.body.clone().into_bytes())
}
