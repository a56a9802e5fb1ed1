//! Searches for the slowest request there is: `worst [--trials N] [--seed N] [--out DIR]`, then writes
//! `docs/worst-case.md`.
//!
//! Hostile requests of 128 KB are made of what rules look for: the phrases of `@pm`, texts that match a pattern, nearly
//! match it, or go through what repeats in it, in every place that a request has, encoded, split into values, each of them
//! different or all the same. The slowest of each kind (as a whole, by place; by how they grow; by rule) are changed a little
//! and tried again. Each is also made a tenth as long, so that what grows faster than the bytes is seen.
//!
//! The draw follows from the seed, but what is slow is measured, so two searches find different requests. What they find
//! is written as records, so that it can be judged again: `DIR/*.jsonl`, for `portcullis score` and `rules cost`.

mod archive;
mod encode;
mod gene;
mod hints;
mod pattern;
mod place;
mod report;
mod trial;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use engine::{Disk, Evaluation, Snapshot};
use portcullis_benches::corpus::crs_directory;
use portcullis_benches::records;
use portcullis_instructions::callgrind;
use portcullis_tests::random::Random;

use archive::Archive;
use gene::Gene;
use hints::Hint;
use report::Sink;
use trial::Trial;

/// As the proxy has it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Searches for the slowest request there is.
#[derive(Parser)]
struct Args {
    /// Requests that are tried, each at two lengths
    #[arg(long, default_value_t = 20_000)]
    trials: usize,
    /// The search ends after so long at the latest (seconds)
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where what was found is written
    #[arg(long, default_value = "target/worst")]
    out: PathBuf,
    /// Policies to search for: `pl1`, `pl4`, `builtin`; may be repeated [default: pl4 and builtin]
    #[arg(long = "policy")]
    policies: Vec<String>,
    /// Judge the records of this file instead, by each policy, and say how long each takes
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Of what is replayed
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Count the instructions of the slowest as well; needs valgrind
    #[arg(long)]
    instructions: bool,
    /// What this program calls itself with under valgrind
    #[arg(long, hide = true)]
    count: Option<PathBuf>,
    /// The page to write
    #[arg(long)]
    page: Option<PathBuf>,
}

/// Policies by the host that is sent to, and what they are for readers.
pub(crate) const POLICIES: [(&str, &str); 3] = [
    ("pl4", "CRS, paranoia level 4"),
    ("pl1", "CRS, paranoia level 1"),
    ("builtin", "built-in rules and model"),
];

fn main() -> Result<()> {
    let args = Args::parse();
    let wanted = |host: &str| match args.policies.is_empty() {
        true => host != "pl1",
        false => args.policies.iter().any(|it| it == host),
    };
    let hosts: Vec<_> = POLICIES.iter().map(|(host, _)| *host).filter(|host| wanted(host)).collect();
    ensure!(!hosts.is_empty(), "no such policy");
    if let Some(file) = &args.count {
        return count(file);
    }
    if let Some(file) = &args.replay {
        return replay(file, &hosts, args.rounds);
    }
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot make `{}`", args.out.display()))?;
    let snapshot = snapshot()?;
    let begun = Instant::now();
    let mut search = Search::new(&snapshot, hosts, args.seed);
    while search.trials < args.trials && begun.elapsed() < Duration::from_secs(args.seconds) {
        search.step();
        if search.trials.is_multiple_of(500) {
            eprintln!("{}", search.progress());
        }
    }
    let sink = Sink { out: &args.out, page: args.page.as_deref(), instructions: args.instructions };
    report::write(&sink, &snapshot, &search.archive, search.trials)
}

fn replay(file: &Path, hosts: &[&'static str], rounds: usize) -> Result<()> {
    let snapshot = snapshot()?;
    for record in records(file)? {
        let record = record?;
        for host in hosts {
            let record = place::sent_to(&record, host);
            let time = trial::plain(&snapshot, &record, rounds);
            let ms = time.as_secs_f64() * 1e3;
            println!("{host:<8} {ms:>9.2} ms  {:>7} bytes  {}", place::bytes(&record), record.id);
        }
    }
    Ok(())
}

/// Each record once as callgrind sees it, after once to make what is made at first use.
fn count(file: &Path) -> Result<()> {
    let snapshot = snapshot()?;
    for record in records(file)? {
        let record = record?;
        let judge = || std::hint::black_box(Evaluation::of_record(snapshot.clone(), &record).anomaly_score());
        judge();
        callgrind::counted(judge);
    }
    Ok(())
}

/// All policies with one copy of the rules; they detect, so that a request is looked at to its end.
pub(crate) fn snapshot() -> Result<Arc<Snapshot>> {
    let crs = crs_directory().context("no Core Rule Set found: name one with PORTCULLIS_CRS")?;
    let text = format!(
        "version: 1\nupstreams: {{ u: {{ servers: ['127.0.0.1:9'] }} }}\nassets:\n\
         - {{ name: pl4, hosts: [pl4], upstream: u, policy: pl4 }}\n\
         - {{ name: pl1, hosts: [pl1], upstream: u, policy: pl1 }}\n\
         - {{ name: builtin, hosts: [builtin], upstream: u, policy: builtin }}\n\
         policies:\n\
         \x20 pl4: {{ mode: detect, model: none, signatures: {{ rules: [{{ crs: '{crs}' }}], paranoia: 4 }} }}\n\
         \x20 pl1: {{ mode: detect, model: none, signatures: {{ rules: [{{ crs: '{crs}' }}], paranoia: 1 }} }}\n\
         \x20 builtin: {{ mode: detect, model: default, signatures: {{ rules: [builtin] }} }}\n"
    );
    let built = Snapshot::build("worst.yaml", &text, &Disk, 0);
    let (snapshot, _) = built.map_err(|found| {
        anyhow::anyhow!("{}", found.iter().map(|it| it.render(false)).collect::<String>())
    })?;
    snapshot.build_matchers();
    Ok(Arc::new(snapshot))
}

struct Search<'s> {
    snapshot: &'s Arc<Snapshot>,
    hosts: Vec<&'static str>,
    random: Random,
    hints: Vec<Hint>,
    pieces: Vec<Vec<u8>>,
    archive: Archive,
    trials: usize,
}

impl<'s> Search<'s> {
    fn new(snapshot: &'s Arc<Snapshot>, hosts: Vec<&'static str>, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let hints = hints::of(snapshot);
        let pieces: Vec<_> = hints.iter().flat_map(|hint| hint.pieces(&mut random)).collect();
        Self { snapshot, hosts, random, hints, pieces, archive: Archive::default(), trials: 0 }
    }

    /// Tries one request; one that seems slower than what is known is measured again.
    fn step(&mut self) {
        let host = self.hosts[self.trials % self.hosts.len()];
        let gene = self.draw();
        self.trials += 1;
        let trial = Trial::run(self.snapshot, host, &gene, 1);
        if self.archive.is_slower(host, &gene, &trial) {
            let again = Trial::run(self.snapshot, host, &gene, 3);
            self.archive.take(host, &gene, &again);
        }
    }

    /// In the beginning what a rule looks for; later more and more often a change of what was slow.
    fn draw(&mut self) -> Gene {
        let begun = self.trials / self.hosts.len();
        let random = &mut self.random;
        if begun < self.hints.len() * FIRST_ROUNDS {
            return self.hints[begun % self.hints.len()].gene(random);
        }
        let (one, other) = (self.archive.pick(random), self.archive.pick(random));
        match (random.below(5), one, other) {
            (1.., Some(one), Some(other)) => one.gene.mutated(random, &self.pieces, &other.gene),
            _ => random.pick(&self.hints).gene(random),
        }
    }

    fn progress(&self) -> String {
        let slowest = |host: &&str| {
            let elites = self.archive.wholes(host);
            let most = elites.iter().map(|it| it.trial.growth()).fold(0.0, f64::max);
            let slowest = elites.first().map(|it| it.trial.long.whole).unwrap_or_default();
            format!("{host} {:.1} ms, growth {most:.1}", slowest.as_secs_f64() * 1e3)
        };
        let slowest: Vec<_> = self.hosts.iter().map(slowest).collect();
        format!("{} tried: {}", self.trials, slowest.join("; "))
    }
}

/// How often each rule is begun with.
const FIRST_ROUNDS: usize = 3;
