//! What many policies take in memory, and what reloads take in time and memory: `reloads [--policies N] [--assets N]
//! [--reloads N]`.
//!
//! One configuration with so many assets and so many policies that all differ and share the rules (the Core Rule Set) and the
//! model. Threads judge requests without pause, by the snapshot of the moment, while another is built and put in its place,
//! with one policy changed each time. `resident` is read from `/proc/self/status`, so the tool wants Linux.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use arc_swap::ArcSwap;
use clap::Parser;
use engine::{Disk, Evaluation, Snapshot};
use portcullis_benches::corpus::crs_directory;
use portcullis_benches::{clock, memory};
use portcullis_instructions::cases;
use transaction::Record;

/// As the proxy has it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What many policies take in memory, and what reloads take.
#[derive(Parser)]
struct Args {
    #[arg(long, default_value_t = 100)]
    policies: usize,
    #[arg(long, default_value_t = 1_000)]
    assets: usize,
    #[arg(long, default_value_t = 10_000)]
    reloads: usize,
    /// The reloads end after so long at the latest (seconds)
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Threads that judge meanwhile
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(args.policies > 0 && args.assets > 0, "nothing to load");
    let crs = crs_directory().context("no Core Rule Set found: name one with PORTCULLIS_CRS")?;
    let configuration = |version| configuration(&args, &crs, version);
    println!("before: {} KB resident", memory::resident_kb()?);
    let begun = clock::of_thread();
    let first = Arc::new(built(Snapshot::build(PATH, &configuration(0), &Disk, 0))?);
    println!(
        "loaded: {} KB resident; {} policies, {} assets in {:.0} ms of CPU",
        memory::resident_kb()?,
        args.policies,
        args.assets,
        ms(clock::of_thread() - begun)
    );
    let again = clock::of_thread();
    drop(built(Snapshot::build(PATH, &configuration(0), &Disk, 0))?);
    println!("all of it once more beside the first: {:.0} ms of CPU", ms(clock::of_thread() - again));
    // Few requests, so that what is resident is not theirs.
    let records: Vec<_> = cases::all()?.into_iter().flat_map(|case| case.records).collect();
    let (current, stop, judged) = (ArcSwap::from(first), AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for thread in 0..args.threads {
            let (current, stop, judged, records) = (&current, &stop, &judged, &records);
            scope.spawn(move || judge(thread, current, stop, judged, records));
        }
        let result = reload(&args, &current, &judged, configuration);
        stop.store(true, Ordering::Relaxed);
        result
    })
}

/// Judges all records again and again, each for another asset, by the snapshot of the moment.
fn judge(
    thread: usize,
    current: &ArcSwap<Snapshot>,
    stop: &AtomicBool,
    judged: &AtomicUsize,
    records: &[Record],
) {
    let mut number = thread;
    while !stop.load(Ordering::Relaxed) {
        let snapshot = current.load_full();
        let mut record = records[number % records.len()].clone();
        let others = record.request.headers.iter().filter(|it| !it.name.eq_ignore_ascii_case(b"host"));
        let host = format!("site-{}.example.test", number % 1_000);
        let host = [(&b"Host"[..], host.as_bytes())];
        record.request.headers = host.into_iter().chain(others.map(|it| (it.name, it.value))).collect();
        std::hint::black_box(Evaluation::judge_record(&snapshot, &record).verdict);
        judged.fetch_add(1, Ordering::Relaxed);
        number += 1;
    }
}

fn reload(
    args: &Args,
    current: &ArcSwap<Snapshot>,
    judged: &AtomicUsize,
    configuration: impl Fn(usize) -> String,
) -> Result<()> {
    let begun = Instant::now();
    let mut times = Vec::new();
    while judged.load(Ordering::Relaxed) < WARM_REQUESTS && args.threads > 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let start = memory::resident_kb()?;
    println!("under load: {start} KB resident");
    for version in 1..=args.reloads {
        let text = configuration(version);
        let before = current.load_full();
        let begun_one = clock::of_thread();
        let next = Arc::new(built(before.rebuild(PATH, &text, &Disk, 0))?);
        current.store(next);
        drop(before);
        times.push(clock::of_thread() - begun_one);
        let is_last = version == args.reloads || begun.elapsed() > Duration::from_secs(args.seconds);
        if is_last || version.is_multiple_of((args.reloads / 10).max(1)) {
            let now = memory::resident_kb()?;
            println!(
                "{version} reloads: {now} KB resident, {:+} KB since the first",
                now as i64 - start as i64
            );
        }
        if is_last {
            break;
        }
    }
    times.sort_unstable();
    let at =
        |share: usize| times.get(times.len().saturating_sub(1) * share / 100).copied().unwrap_or_default();
    println!(
        "a reload of one changed policy: median {:.2} ms, 99th percentile {:.2} ms of CPU; {} requests judged meanwhile",
        ms(at(50)),
        ms(at(99)),
        judged.load(Ordering::Relaxed)
    );
    Ok(())
}

/// Assets and policies that all differ; one of them differs with the version.
fn configuration(args: &Args, crs: &str, version: usize) -> String {
    let mut text = String::from("version: 1\nupstreams: { u: { servers: ['127.0.0.1:9'] } }\nassets:\n");
    for asset in 0..args.assets {
        let _ = writeln!(
            text,
            "- {{ name: site-{asset}, hosts: [site-{asset}.example.test], upstream: u, policy: p{} }}",
            asset % args.policies
        );
    }
    text.push_str("policies:\n");
    for policy in 0..args.policies {
        let changed = if version % args.policies == policy { version } else { 0 };
        let _ = writeln!(
            text,
            "  p{policy}: {{ mode: prevent, model: default, signatures: {{ rules: [{{ crs: '{crs}' }}], paranoia: {} }}, \
             exceptions: [{{ rules: [942100], parameters: ['field{policy}-{changed}'], reason: made up, expires: never }}] }}",
            1 + policy % 4
        );
    }
    text
}

fn built(
    result: Result<(Snapshot, Vec<signatures::Diagnostic>), Vec<signatures::Diagnostic>>,
) -> Result<Snapshot> {
    let (snapshot, _) =
        result.map_err(|found| anyhow!("{}", found.iter().map(|it| it.render(false)).collect::<String>()))?;
    Ok(snapshot)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

const PATH: &str = "reloads.yaml";
/// Requests that are judged before memory counts as warm.
const WARM_REQUESTS: usize = 600;
