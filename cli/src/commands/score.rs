//! `score FILE...`: recorded requests in, one verdict a line out.

mod first;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::bail;
use engine::{Evaluation, Snapshot};
use serde::Serialize;

use self::first::First;
use crate::input::{Item, Records};
use crate::settings::Judging;
use crate::{Outcome, batch, output, progress};

/// What `score` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Records: JSON lines (plain, `.gz` or `.zst`) or HAR; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    judging: Judging,
    /// Learn each site from this part of its requests, as `0.5`, and judge the rest. Requests without a
    /// client's address or a time are taken to be of one of 20 clients within five days, by lot
    #[arg(long, value_name = "FRACTION", value_parser = first::fraction, conflicts_with = "learned")]
    learn_first: Option<f64>,
    /// Threads; one a processor by default
    #[arg(long)]
    threads: Option<usize>,
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    verdict: &'static str,
    blocked: bool,
    /// The model's score; `null` without a model.
    score: Option<f32>,
    anomaly: i64,
    confidence: Option<&'static str>,
    rules: Vec<u32>,
    t_us: u128,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let mut snapshot = args.judging.snapshot()?;
    let mut first = First::default();
    if let Some(fraction) = args.learn_first {
        (snapshot, first) = first::taught(snapshot, &args.files, fraction)?;
    }
    let threads =
        args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1);
    let bar = progress::bar(0, "records");
    let mut out = output::stdout();
    let mut tally = Tally::default();
    for file in &args.files {
        let mut records = Records::open(file)?;
        loop {
            let mut batch = batch::read(&mut records, threads)?;
            if batch.is_empty() {
                break;
            }
            if args.learn_first.is_some() {
                batch = first.others(batch);
            }
            bar.inc(batch.len() as u64);
            for result in batch::each(batch, threads, |item| judge_one(&snapshot, item)) {
                tally.add(result, &mut out)?;
            }
        }
    }
    bar.finish_and_clear();
    out.flush()?;
    tally.conclude()
}

#[derive(Default)]
struct Tally {
    scored: usize,
    blocked: usize,
    unreadable: usize,
}

impl Tally {
    fn add(&mut self, result: anyhow::Result<(String, bool)>, out: &mut impl Write) -> anyhow::Result<()> {
        match result {
            Ok((line, blocked)) => {
                self.scored += 1;
                self.blocked += usize::from(blocked);
                writeln!(out, "{line}")?;
            }
            Err(error) => {
                self.unreadable += 1;
                eprintln!("portcullis: {error:#}");
            }
        }
        Ok(())
    }

    fn conclude(&self) -> anyhow::Result<Outcome> {
        eprintln!("{} scored, {} blocked", output::plural(self.scored, "record"), self.blocked);
        match (self.scored, self.unreadable) {
            (0, 0) => bail!("there is no record in the input"),
            (_, 0) => Ok(Outcome::Clean),
            (_, unreadable) => bail!("{} could not be read", output::plural(unreadable, "record")),
        }
    }
}

fn judge_one(snapshot: &Arc<Snapshot>, item: Item) -> anyhow::Result<(String, bool)> {
    let record = item.record()?;
    let started = Instant::now();
    let evaluation = Evaluation::of_taken(snapshot.clone(), record);
    let t_us = started.elapsed().as_micros();
    let verdict = evaluation.verdict();
    let mut rules: Vec<_> =
        evaluation.matches().filter(|found| found.log).map(|found| found.id.get()).collect();
    rules.sort_unstable();
    rules.dedup();
    let model = evaluation.model_score();
    let line = Line {
        id: &evaluation.transaction().id,
        verdict: verdict.as_str(),
        blocked: verdict.is_blocked(),
        score: model.map(|(score, _)| score.0),
        anomaly: evaluation.anomaly_score(),
        confidence: model.map(|(_, confidence)| confidence.as_str()),
        rules,
        t_us,
    };
    Ok((serde_json::to_string(&line)?, verdict.is_blocked()))
}
