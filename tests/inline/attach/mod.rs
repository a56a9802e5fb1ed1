//! Attachments: the real binary beside real gateways.
//!
//! What a gateway shows of a request is judged, and what it does not show is counted: no row of any table here passes unseen
//! and uncounted.

mod caddy;
mod doctor;
mod envoy;
mod faults;
mod fronts;
mod long;
mod lua;
mod nginx;
mod nginx_module;
mod same;
mod shown;
mod spoe;
mod streams;
mod table;
mod told;
mod traefik;

use std::time::{Duration, Instant};

use super::curl;
use super::origin::Origin;
use super::process::Portcullis;

/// An agent with nothing but an endpoint at `{here}/inspect.sock`, for a gateway of that dialect.
pub(super) fn agent(dialect: &str, mode: &str, policy: &str, more: &str) -> Portcullis {
    let yaml = format!(
        r#"version: 1
attachments: {{ inspect: [{{ address: "unix:{{here}}/inspect.sock", dialect: {dialect}, {more} }}] }}
assets: [{{ name: all, hosts: ["*"], policy: default }}]
policies:
  default:
    mode: {mode}
    signatures: {{ rules: [{{ file: rules.conf }}] }}
    {policy}
admin: {{ address: "127.0.0.1:0" }}
reports: {{ decisions: {{ to: "{{here}}/decisions.jsonl", only: all }} }}
"#
    );
    Portcullis::start_yaml(&yaml, table::RULES)
}

/// Where that agent is asked.
pub(super) fn socket(agent: &Portcullis) -> String {
    agent.file("inspect.sock").display().to_string()
}

/// The last decision record, once all are written: they leave by a queue.
fn last_record(agent: &Portcullis) -> serde_json::Value {
    let metrics = agent.admin("/metrics");
    let answered = |line: &&str| {
        let judged = ["answer=\"passed\"", "answer=\"refused\""];
        line.starts_with("portcullis_attach_requests_total")
            && judged.iter().any(|answer| line.contains(answer))
    };
    let count = |line: &str| line.rsplit(' ').next().and_then(|count| count.parse::<usize>().ok());
    let answered: usize = metrics.lines().filter(answered).filter_map(count).sum();
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let text = std::fs::read_to_string(agent.file("decisions.jsonl")).unwrap_or_default();
        if text.ends_with('\n') && text.lines().count() >= answered {
            return serde_json::from_str(text.lines().last().expect("a record")).expect("a record");
        }
        assert!(Instant::now() < until, "{answered} records wanted:\n{text}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether the agent says this, and at most every ten seconds, however often it would have to since `begun`.
#[track_caller]
fn says_seldom(agent: &Portcullis, begun: Instant, what: &str) {
    let said = agent.said();
    let (lines, most) = (said.matches(what).count() as u64, begun.elapsed().as_secs() / 10 + 1);
    assert!((1..=most).contains(&lines), "{lines} lines where {most} are expected: {said}");
}

/// Whether the application has seen a request for this path.
fn reached(origin: &Origin, path: &str) -> bool {
    origin.seen().iter().any(|seen| seen.path == path)
}
