//! Judges labelled requests in several threads and says what that takes in memory and time.
//!
//! ```text
//! cargo run --release -p portcullis-benches --bin memory -- --rules builtin --threads 2 --limit 20000 \
//!     ../shared/data/wcp-legit-dev.jsonl.zst ../shared/data/wcp-malicious-dev.jsonl.zst
//! ```
//! Each round judges all requests once. Memory that grows with the rounds is a leak or a cache without a
//! bound; `resident` is read from `/proc/self/status`, so the tool wants Linux.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use engine::{Evaluation, Snapshot};
use portcullis_benches::corpus::snapshot;
use portcullis_benches::memory::resident_kb;
use portcullis_benches::{records, thinned};
use transaction::Record;

/// Judges labelled requests in several threads and reports memory and time.
#[derive(Parser)]
struct Options {
    /// A rule source as `portcullis run --rules` takes it.
    #[arg(long, default_value = "builtin")]
    rules: String,
    /// Requests of each file, spread evenly; 0 takes all.
    #[arg(long, default_value_t = 20_000)]
    limit: usize,
    /// Threads that judge at the same time.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// How often all requests are judged.
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// JSON lines of labelled requests, `.zst` or plain.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let before = resident_kb()?;
    let begun = Instant::now();
    let snapshot = snapshot(&options.rules);
    let loaded = resident_kb()? - before;
    println!("{}: loaded in {} ms, {} KB", options.rules, begun.elapsed().as_millis(), loaded);
    let mut kinds = Vec::new();
    for path in &options.files {
        kinds.push(thinned(records(path)?.collect::<Result<Vec<_>>>()?, options.limit));
    }
    let before = resident_kb()?;
    for round in 1..=options.rounds {
        for (path, records) in options.files.iter().zip(&kinds) {
            let begun = cpu_us()?;
            let flagged = judge_all(&options, &snapshot, records);
            let spent = cpu_us()? - begun;
            println!(
                "round {round}: {:24} {flagged:6} of {:6} flagged, {:5} us each, +{} KB",
                path.file_name().context("a file has a name")?.display(),
                records.len(),
                spent / records.len().max(1),
                resident_kb()?.saturating_sub(before),
            );
        }
    }
    Ok(())
}

/// Judges every record once; returns how many were flagged.
fn judge_all(options: &Options, snapshot: &Arc<Snapshot>, records: &[Record]) -> usize {
    let next = AtomicUsize::new(0);
    let judge = || {
        let mine = std::iter::from_fn(|| records.get(next.fetch_add(1, Ordering::Relaxed)));
        mine.filter(|record| Evaluation::judge_record(snapshot, record).verdict != "pass").count()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads).map(|_| scope.spawn(judge)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).sum()
    })
}

/// Processor time of this process so far: whatever else the machine does, it is not in it.
fn cpu_us() -> Result<usize> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The name in parentheses may hold anything; `utime` and `stime` are the 12th and 13th word after it.
    let (_, words) = stat.rsplit_once(')').context("no name in stat")?;
    let ticks =
        words.split_whitespace().skip(11).take(2).map(str::parse::<usize>).sum::<Result<usize, _>>()?;
    Ok(ticks * 1_000_000 / TICKS_PER_SECOND)
}

/// `USER_HZ`, which Linux has fixed for user space.
const TICKS_PER_SECOND: usize = 100;
