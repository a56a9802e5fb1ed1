//! Sends labelled requests over HTTP to a running proxy and says what became of them.
//!
//! ```text
//! cargo run --release -p portcullis-benches --bin accuracy -- --target 127.0.0.1:8080 \
//!     --limit 20000 ../shared/data/wcp-legit-dev.jsonl.zst ../shared/data/wcp-malicious-dev.jsonl.zst
//! ```
//! A request counts as stopped when it is answered with 403. Anything that is neither an answer of the
//! origin nor a 403 of the proxy is listed: 4xx and 5xx by status, broken connections, time-outs.

mod client;
mod report;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use portcullis_benches::{records, thinned};
use transaction::Record;

use client::{Answer, Client};
use report::Report;

/// Sends labelled requests over HTTP and reports what was stopped.
#[derive(Parser)]
struct Options {
    /// The proxy's address; keep it on this machine.
    #[arg(long, default_value = "127.0.0.1:8080")]
    target: SocketAddr,
    /// Requests of each file, spread evenly; 0 sends all.
    #[arg(long, default_value_t = 0)]
    limit: usize,
    /// Connections at a time.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Seconds to wait for an answer.
    #[arg(long, default_value_t = 20)]
    timeout: u64,
    /// Writes `id status` for each request to this file.
    #[arg(long)]
    verdicts: Option<PathBuf>,
    /// JSON lines of labelled requests, `.zst` or plain.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    anyhow::ensure!(options.target.ip().is_loopback(), "{} is not this machine", options.target);
    let mut verdicts = options.verdicts.as_ref().map(File::create).transpose()?.map(BufWriter::new);
    let mut unanswered = 0;
    for path in &options.files {
        let all: Vec<Record> = records(path)?.collect::<Result<_>>()?;
        let chosen = thinned(all, options.limit);
        let answers = send_all(&options, &chosen);
        let mut report = Report::default();
        for (record, answer) in chosen.iter().zip(&answers) {
            report.count(record, answer);
            if let Some(file) = &mut verdicts {
                writeln!(file, "{} {answer}", record.id)?;
            }
        }
        println!("{}\n{report}", path.file_name().context("a file has a name")?.display());
        unanswered += report.unanswered();
    }
    anyhow::ensure!(unanswered == 0, "{unanswered} requests got no answer");
    Ok(())
}

/// Sends every record once, over `connections` threads, and returns the answers in the records' order.
fn send_all(options: &Options, records: &[Record]) -> Vec<Answer> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(vec![Answer::NotSent; records.len()]);
    std::thread::scope(|scope| {
        for _ in 0..options.connections {
            scope.spawn(|| {
                let mut client = Client::new(options.target, Duration::from_secs(options.timeout));
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(record) = records.get(index) else { break };
                    let answer = client.send(record);
                    if let Ok(mut answers) = answers.lock() {
                        answers[index] = answer;
                    }
                }
            });
        }
    });
    answers.into_inner().unwrap_or_default()
}
