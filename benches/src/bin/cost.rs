//! What judging one request costs: `cost [--stage model|rules|whole|record|lesson|learn] [--requests N] [--in-order]
//! [--instructions]`.
//!
//! Times are those of single requests, each the best of several, so that the spread is that of requests and not
//! of the machine. Instructions are counted by valgrind's callgrind, which this program then runs itself under,
//! with a file of 200 of the requests: the difference between two numbers of rounds, so that reading and loading
//! do not count.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use engine::{Evaluation, Lesson, Outcome, Snapshot};
use model::profile::{Caps, Learner, Quorum, State};
use portcullis_benches::corpus::{Corpus, snapshot_with};
use portcullis_benches::scoring::{Scorer, parsed};
use portcullis_benches::{first, records, thinned};
use transaction::Record;

/// What the proxy has.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What judging one request costs.
#[derive(Parser)]
struct Args {
    /// What is measured
    #[arg(long, value_enum, default_value = "model")]
    stage: Stage,
    /// Rules of the stages that have some
    #[arg(long, default_value = "builtin")]
    rules: String,
    /// Requests, spread evenly over the corpus
    #[arg(long, default_value_t = 5_000)]
    requests: usize,
    /// The first requests of the corpus instead, in the order in which they were recorded
    #[arg(long)]
    in_order: bool,
    /// Rounds over all of them; the best of each request counts
    #[arg(long, default_value_t = 7, overrides_with = "rounds")]
    rounds: usize,
    /// Attacks instead of ordinary requests
    #[arg(long)]
    hostile: bool,
    /// Requests of this file, all of them, instead of those of the corpus
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
    /// Count instructions as well; needs valgrind
    #[arg(long)]
    instructions: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// Scoring of a parsed request.
    Model,
    /// Parsing and rules.
    Rules,
    /// Parsing, rules, model and decision.
    Whole,
    /// The same, with the decision record.
    Record,
    /// The same, and the request is queued to be learned from: what a request pays for learning.
    Lesson,
    /// Learning from a request that is queued: what the learning thread does.
    Learn,
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(args.requests > 0 && args.rounds > 0, "nothing to measure");
    let (name, requests) = match &args.records {
        Some(file) => ("given", records(file)?.collect::<Result<Vec<_>>>()?),
        None => {
            let take = if args.in_order { Corpus::first } else { Corpus::sample };
            let corpus = take(args.hostile, args.requests);
            (corpus.name, corpus.records)
        }
    };
    ensure!(!requests.is_empty(), "nothing to measure");
    let mut times = match args.stage {
        Stage::Model => model_times(&requests, args.rounds),
        Stage::Rules => whole_times(&requests, args.rounds, &snapshot_with(&args.rules, "none")),
        Stage::Whole => whole_times(&requests, args.rounds, &snapshot_with(&args.rules, "default")),
        Stage::Record => record_times(&requests, args.rounds, &snapshot_with(&args.rules, "default")),
        Stage::Lesson => lesson_times(&requests, args.rounds, &snapshot_with(&args.rules, "default")),
        Stage::Learn => learn_times(&requests, args.rounds, &snapshot_with(&args.rules, "default")),
    };
    times.sort_unstable();
    let at = |share: f64| micros(times[((times.len() - 1) as f64 * share) as usize]);
    let mean = micros(times.iter().sum::<Duration>()) / times.len() as f64;
    println!(
        "{} {} requests, microseconds: p50 {:.1}, p90 {:.1}, p99 {:.1}, max {:.1}, mean {mean:.1}",
        times.len(),
        name,
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0),
    );
    if args.instructions {
        let few = if args.in_order { first(requests, COUNTED) } else { thinned(requests, COUNTED) };
        let file = std::env::temp_dir().join(format!("portcullis-cost-{}.jsonl", std::process::id()));
        let lines: String = few.iter().map(|record| record.to_json() + "\n").collect();
        std::fs::write(&file, lines).with_context(|| format!("cannot write `{}`", file.display()))?;
        let counts = instructions(&file, 1).and_then(|one| Ok((one, instructions(&file, 2)?)));
        std::fs::remove_file(&file).ok();
        let (one, two) = counts?;
        println!("instructions a request, mean of {}: {}", few.len(), (two - one) / few.len() as u64);
    }
    Ok(())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn model_times(records: &[Record], rounds: usize) -> Vec<Duration> {
    let transactions: Vec<_> = records.iter().map(parsed).collect();
    let round = || {
        // What a scorer saw a round ago it would know, as it does not know the requests of others.
        let mut scorer = Scorer::default();
        best_of(1, &transactions, |transaction| {
            black_box(scorer.is_strange(transaction));
        })
    };
    let mut best = round();
    for _ in 1..rounds {
        best.iter_mut().zip(round()).for_each(|(best, time)| *best = time.min(*best));
    }
    best
}

fn whole_times(records: &[Record], rounds: usize, snapshot: &Arc<Snapshot>) -> Vec<Duration> {
    best_of(rounds, records, |record| {
        black_box(Evaluation::of_record(snapshot.clone(), record).verdict().is_blocked());
    })
}

fn record_times(records: &[Record], rounds: usize, snapshot: &Arc<Snapshot>) -> Vec<Duration> {
    best_of(rounds, records, |record| {
        let evaluation = Evaluation::of_record(snapshot.clone(), record);
        black_box(evaluation.finish(Outcome::default()).blocked);
    })
}

/// As the proxy queues requests; taking one out again counts as well.
fn lesson_times(records: &[Record], rounds: usize, snapshot: &Arc<Snapshot>) -> Vec<Duration> {
    let (queue, lessons) = sync_channel(Lesson::QUEUED_MAX);
    best_of(rounds, records, |record| {
        let evaluation = Evaluation::of_record(snapshot.clone(), record);
        let (record, lesson) = evaluation.finish_with_lesson(Outcome::default());
        black_box(record.blocked);
        if let Some(lesson) = lesson.filter(|lesson| black_box(lesson.bytes()) <= Lesson::QUEUED_BYTES_MAX) {
            assert!(queue.try_send(Box::new(lesson)).is_ok());
            black_box(lessons.try_recv().is_ok());
        }
    })
}

fn learn_times(records: &[Record], rounds: usize, snapshot: &Arc<Snapshot>) -> Vec<Duration> {
    let lesson = |record: &Record| {
        let evaluation = Evaluation::of_record(snapshot.clone(), record);
        evaluation.finish_with_lesson(Outcome::default()).1
    };
    let lessons: Vec<_> = records.iter().filter_map(lesson).collect();
    let mut learner = Learner::new(State::default(), Caps::default(), Quorum::default());
    best_of(rounds, &lessons, |lesson| {
        black_box(lesson.teach(&mut learner));
    })
}

fn best_of<T>(rounds: usize, items: &[T], mut work: impl FnMut(&T)) -> Vec<Duration> {
    let mut best = vec![Duration::MAX; items.len()];
    for _ in 0..rounds {
        for (item, best) in items.iter().zip(&mut best) {
            let start = Instant::now();
            work(item);
            *best = start.elapsed().min(*best);
        }
    }
    best
}

/// Requests whose instructions are counted: valgrind is slow.
const COUNTED: usize = 200;

/// Instructions of this program with these requests and so many rounds.
fn instructions(requests: &Path, rounds: usize) -> Result<u64> {
    let own = std::env::current_exe()?;
    let given = std::env::args().skip(1).filter(|it| it != "--instructions");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(own)
        .args(given)
        .arg("--records")
        .arg(requests)
        .args(["--rounds", &rounds.to_string()])
        .output()
        .context("cannot run valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = said.lines().find_map(|line| line.split_once("Collected :"));
    let (_, count) = line.with_context(|| format!("valgrind says no count:\n{said}"))?;
    count.trim().parse().context("valgrind's count is no number")
}
