//! How fast bodies are read and judged on one core, and whether ten times the bytes take ten times as long:
//! `throughput [--rules SOURCE] [--large] [--page FILE]`.
//!
//! A body streams through an evaluation in memory, in chunks as they come from a socket, with rules and model together; time
//! is the thread's processor time while it has a chunk. The body is made up while the clock does not run, and no part of it comes
//! twice. Detect mode, so that a body that is refused is read to its end.

mod body;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use engine::config::Flags;
use engine::{Disk, Evaluation, Request, Snapshot};
use portcullis_benches::clock;
use portcullis_benches::corpus::crs_directory;
use transaction::{Fields, RequestHead};

use body::{KINDS, Kind};

/// As the proxy has it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How fast bodies are read and judged.
#[derive(Parser)]
struct Args {
    /// Rules, as `portcullis run --rules` takes them [default: the Core Rule Set]
    #[arg(long)]
    rules: Option<String>,
    #[arg(long, default_value = "default")]
    model: String,
    #[arg(long, default_value_t = 1)]
    paranoia: u8,
    /// Bodies of 100 MB as well
    #[arg(long)]
    large: bool,
    /// Only kinds whose name has this in it
    #[arg(long, default_value = "")]
    only: String,
    /// The page to write; standard output without one
    #[arg(long)]
    page: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let snapshot = snapshot(&args)?;
    let mut sizes = vec![MB, 10 * MB];
    sizes.extend(args.large.then_some(100 * MB));
    let mut text = HEAD.to_owned();
    let columns: String = sizes.iter().map(|bytes| format!(" {} MB |", bytes / MB)).collect();
    let _ = writeln!(text, "| body | goal |{columns} growth |\n|---|---|{}---|", "---|".repeat(sizes.len()));
    for kind in KINDS.iter().filter(|kind| kind.name.contains(&args.only)) {
        // Automata are built at first use.
        time(&snapshot, kind, MB / 2);
        let times: Vec<_> = sizes.iter().map(|bytes| time(&snapshot, kind, *bytes)).collect();
        let goal = if kind.goal > 0.0 { format!("{} MB/s", kind.goal) } else { String::new() };
        let rates: String = sizes
            .iter()
            .zip(&times)
            .map(|(bytes, time)| format!(" {:.1} MB/s |", rate(*bytes, *time)))
            .collect();
        let growth: Vec<_> = times
            .windows(2)
            .map(|pair| format!("{:.2}", pair[1].as_secs_f64() / pair[0].as_secs_f64().max(1e-9)))
            .collect();
        let _ = writeln!(text, "| {} | {goal} |{rates} {} |", kind.name, growth.join(", "));
        eprintln!("{}: {rates}", kind.name);
    }
    match &args.page {
        Some(page) => {
            std::fs::write(page, text).with_context(|| format!("cannot write `{}`", page.display()))
        }
        None => {
            print!("{text}");
            Ok(())
        }
    }
}

const HEAD: &str = "# Long bodies\n\n\
    Written by `cargo run --release -p portcullis-benches --bin throughput -- --large --page docs/throughput.md`. Bodies of made-up \
    text stream through parsing, rules and model together (unless said otherwise the Core Rule Set at paranoia level 1), on one \
    core, in detect mode. MB/s of 1,048,576 bytes and of the thread's processor time; growth is how many times longer ten times the \
    bytes take.\n\n";

fn snapshot(args: &Args) -> Result<Arc<Snapshot>> {
    let rules = match &args.rules {
        Some(rules) => rules.clone(),
        None => format!(
            "crs:{}",
            crs_directory().context("no Core Rule Set found: name one with PORTCULLIS_CRS")?
        ),
    };
    let flags = Flags {
        mode: Some("detect".into()),
        rules: vec![rules],
        model: Some(args.model.clone()),
        paranoia: Some(args.paranoia),
        ..Flags::default()
    };
    let (snapshot, _) = Snapshot::from_flags(&flags, &Disk, 0)
        .map_err(|found| anyhow!("{}", found.iter().map(|it| it.render(false)).collect::<String>()))?;
    snapshot.build_matchers();
    Ok(Arc::new(snapshot))
}

/// What a body of so many bytes takes.
fn time(snapshot: &Arc<Snapshot>, kind: &Kind, bytes: usize) -> Duration {
    let mut evaluation = Evaluation::begin(snapshot.clone(), request(kind, bytes));
    evaluation.request_headers();
    let mut total = Duration::ZERO;
    for chunk in kind.chunks(bytes) {
        let begun = clock::of_thread();
        evaluation.request_body(&chunk);
        total += clock::of_thread().saturating_sub(begun);
    }
    let begun = clock::of_thread();
    evaluation.request_end();
    std::hint::black_box(evaluation.anomaly_score());
    total + clock::of_thread().saturating_sub(begun)
}

fn request(kind: &Kind, bytes: usize) -> Request {
    let length = bytes.to_string();
    let headers = [
        ("Host", "shop.example.test"),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
        ("Accept", "*/*"),
        ("Content-Type", kind.content_type),
        ("Content-Length", &length),
    ];
    let head = RequestHead {
        method: b"POST".to_vec(),
        target: b"/notes".to_vec(),
        protocol: b"HTTP/1.1".to_vec(),
        headers: headers.into_iter().collect::<Fields>(),
    };
    Request { id: "0".into(), head, ..Request::default() }
}

fn rate(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / MB as f64 / time.as_secs_f64().max(1e-9)
}

const MB: usize = 1 << 20;
