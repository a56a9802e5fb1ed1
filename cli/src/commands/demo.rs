//! `portcullis demo`: an application, the proxy before it, and requests of both kinds, all in one process.

mod cases;
mod client;
mod table;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use proxy::demo::SampleApp;
use proxy::{Server, Stop};
use serde::Deserialize;
use serde_json::json;

use super::run::Text;
use crate::Outcome;
use table::Row;

/// Arguments of `demo`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Stop after the requests instead of staying up
    #[arg(long)]
    exit: bool,
}

/// Sends every request and compares the verdicts with what is expected.
pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let log = Log::new();
    let outcome = runtime.block_on(show(&log, args.exit));
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

async fn show(log: &Log, exit: bool) -> anyhow::Result<Outcome> {
    let app = SampleApp::start().context("cannot start the sample application")?;
    let source = Text::new("demo", configuration(app.address(), log.path()));
    let server = Server::start(Arc::new(source)).await?;
    let proxy = *server.addresses().first().context("the proxy listens nowhere")?;
    println!(
        "A sample application behind Portcullis, in prevent mode, with the built-in rules and the model.\n"
    );

    let mut rows = Vec::new();
    for case in cases::all() {
        let status =
            client::send(proxy, &case).await.with_context(|| format!("{} {}", case.method, case.path))?;
        rows.push(Row { status, decision: log.next(rows.len()).await, case });
    }
    table::print(&rows);
    let wrong = rows.iter().filter(|row| !row.is_as_expected()).count();
    println!("{}", table::summary(&rows));
    if !exit {
        stay(proxy, app.address(), server.admin_address()).await;
    }
    server.stop(Stop::Hurry).await;
    app.stop().await;
    Ok(if wrong == 0 { Outcome::Clean } else { Outcome::Findings })
}

fn configuration(app: SocketAddr, decisions: &Path) -> String {
    json!({
        "version": 1,
        "listeners": [{ "address": "127.0.0.1:0", "h2c": true }],
        "upstreams": { "shop": { "servers": [app.to_string()] } },
        "assets": [{ "name": "shop", "hosts": ["*"], "upstream": "shop", "policy": "demo" }],
        "policies": { "demo": { "mode": "prevent", "signatures": { "rules": ["builtin"] } } },
        "admin": { "address": "127.0.0.1:0" },
        "reports": { "decisions": { "to": decisions.to_string_lossy(), "only": "all" } },
    })
    .to_string()
}

async fn stay(proxy: SocketAddr, app: SocketAddr, admin: Option<SocketAddr>) {
    println!("The application, protected    http://{proxy}/");
    println!("The same, unprotected         http://{app}/");
    if let Some(admin) = admin {
        println!("Metrics and health            http://{admin}/metrics  http://{admin}/readyz");
    }
    println!("\nTry:  curl -i 'http://{proxy}/search?q=%27+OR+1%3D1--+'\n\nCtrl-C stops it.");
    if let Err(error) = tokio::signal::ctrl_c().await {
        eprintln!("portcullis: cannot wait for Ctrl-C: {error}");
    }
}

/// What the table shows of a decision record.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Decision {
    verdict: String,
    blocked: bool,
    matches: Vec<Match>,
    model: Vec<Strange>,
    scores: Scores,
    reason: Option<Reason>,
}

#[derive(Deserialize)]
struct Scores {
    model: Option<f32>,
}

/// A field that the model finds strange.
#[derive(Deserialize)]
struct Strange {
    field: String,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    text: String,
    weight: f32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Match {
    rule_id: u32,
    msg: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reason {
    rule_id: Option<u32>,
}

/// The decision log, a file that is gone afterwards.
struct Log {
    path: PathBuf,
}

impl Log {
    fn new() -> Self {
        let name = format!("portcullis-demo-{}.jsonl", std::process::id());
        Self { path: std::env::temp_dir().join(name) }
    }

    fn path(&self) -> &Path {
        &self.path
    }

    /// The record of the request with this index. Requests are sent one after the other; their records
    /// are written a moment later.
    async fn next(&self, index: usize) -> Option<Decision> {
        for _ in 0..RECORD_TRIES_MAX {
            let text = std::fs::read_to_string(&self.path).unwrap_or_default();
            let line = text.split_inclusive('\n').nth(index).filter(|line| line.ends_with('\n'));
            if let Some(decision) = line.and_then(|line| serde_json::from_str(line).ok()) {
                return Some(decision);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        None
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// How often a record is looked for, 5 ms apart.
const RECORD_TRIES_MAX: usize = 400;
