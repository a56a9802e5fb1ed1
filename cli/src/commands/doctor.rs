//! `doctor`: whether requests through a gateway are inspected, how much of them, and what to change.
//!
//! Probes, harmless and hostile, are sent the way that clients take. Each has a mark in its query, which the agent was told to
//! wait for: so what arrived there, and what became of it, is known and not guessed from status codes.

mod agent;
mod client;
mod finding;
mod probe;
mod report;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ValueEnum;
use engine::{Disk, Snapshot};

use crate::{Outcome, output, settings};
use agent::Agent;
use client::{Http, Speaks};
use finding::Row;
use report::Report;

/// What `doctor` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What clients ask through the gateway: `https://shop.example.com/`; one for each gateway and site
    #[arg(value_name = "URL")]
    urls: Vec<String>,
    /// The agent's configuration: where its admin listener is, and its token
    #[arg(long, value_name = "FILE", conflicts_with_all = ["admin", "token_file"])]
    config: Option<PathBuf>,
    /// The agent's admin listener; of a name with several addresses, each one's [default: http://127.0.0.1:9913]
    #[arg(long, value_name = "URL")]
    admin: Option<String>,
    /// A file with the admin listener's token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Where the gateway is, instead of what its name resolves to
    #[arg(long, value_name = "ADDR")]
    connect: Option<IpAddr>,
    /// Certificates (PEM) that are trusted besides the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Ask over HTTP/2: agreed on over TLS, without TLS by prior knowledge
    #[arg(long)]
    http2: bool,
    /// Send GET alone: no forms, JSON or uploads
    #[arg(long)]
    only_get: bool,
    /// How the report is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON object
    Json,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(look(args));
    runtime.shutdown_timeout(Duration::from_millis(100));
    let report = report?;
    let mut out = output::stdout();
    match args.format {
        Format::Text => report.write_text(&mut out)?,
        Format::Json => report.write_json(&mut out)?,
    }
    Ok(if report.findings().is_empty() { Outcome::Clean } else { Outcome::Findings })
}

async fn look(args: &Args) -> anyhow::Result<Report> {
    let targets: Vec<_> = args.urls.iter().map(|url| client::target(url)).collect::<anyhow::Result<_>>()?;
    let mut agent = agent(args)?;
    let mark = mark();
    let about = agent.expect(&mark).await?;
    let mut report = Report::new(&agent, about, agent.counters().await?);
    for target in &targets {
        // A client of its own for each: what is asked second comes over the connection of what was asked first.
        let speaks = if args.http2 { Speaks::Http2 } else { Speaks::Http1 };
        let http = Http::new(args.connect, args.ca.as_deref(), speaks)?;
        let mut rows: Vec<Row> = Vec::new();
        for probe in probe::all().into_iter().filter(|probe| !args.only_get || probe.is_get()) {
            let answer = http.send(probe.request(target, &mark)?).await;
            let patience = match rows.last() {
                _ if answer.is_err() => Duration::ZERO,
                Some(before) if before.seen.is_empty() => IMPATIENCE,
                _ => PATIENCE,
            };
            let seen = agent.seen(&mark, probe.name, patience).await?;
            rows.push(Row { probe, answer: answer.map_err(|error| format!("{error:#}")), seen });
        }
        report.add(target.to_string(), rows);
    }
    Ok(report)
}

/// Where the agent is asked, as the flags or its configuration say.
fn agent(args: &Args) -> anyhow::Result<Agent> {
    if let Some(path) = &args.config {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let built = Snapshot::check(&path.to_string_lossy(), &text, &Disk, settings::now_us());
        let (snapshot, _) = built.map_err(|diagnostics| {
            output::draw(&diagnostics);
            anyhow::anyhow!("{}", output::count(&diagnostics))
        })?;
        let Some(admin) = snapshot.config().admin.clone() else {
            bail!("`{}` has no `admin` listener, which is where the agent says what it saw", path.display());
        };
        return Agent::at(&format!("http://{}", admin.address), admin.token);
    }
    let token = args.token_file.as_ref().map(|path| {
        let token =
            std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        anyhow::Ok(token.trim().to_owned())
    });
    Agent::at(args.admin.as_deref().unwrap_or(USUAL_ADMIN), token.transpose()?)
}

/// A mark that nobody else sends.
fn mark() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    // Keys of the standard library's hashes are the system's randomness.
    let half = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", half(), half())
}

/// How long a record may be after its answer: it is written when the request is over. Without an answer there may be none at all.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same, after a probe that nobody saw.
const IMPATIENCE: Duration = Duration::from_millis(300);
/// Where the documentation has admin listeners.
const USUAL_ADMIN: &str = "http://127.0.0.1:9913";
