//! What was found, for readers and to be judged again.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use engine::Snapshot;
use engine::policy::Mode;
use portcullis_instructions::callgrind;
use transaction::Record;

use crate::POLICIES;
use crate::archive::{Archive, Elite};
use crate::place;
use crate::trial::{BYTES_LONG, BYTES_SHORT, Key, Trial, plain};

/// Where things are written.
pub(crate) struct Sink<'s> {
    /// The directory of the records.
    pub(crate) out: &'s Path,
    /// The page; standard output without one.
    pub(crate) page: Option<&'s Path>,
    /// Whether instructions are counted.
    pub(crate) instructions: bool,
}

/// Writes the records and the page.
pub(crate) fn write(
    sink: &Sink<'_>,
    snapshot: &Arc<Snapshot>,
    archive: &Archive,
    trials: usize,
) -> Result<()> {
    let mut text = HEAD.replace("TRIALS", &trials.to_string());
    for (host, title) in POLICIES {
        let elites = archive.wholes(host);
        if elites.is_empty() {
            continue;
        }
        let mut rows: Vec<_> =
            elites.into_iter().take(SHOWN).map(|it| Row::new(snapshot, it, host)).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.time));
        rows.iter_mut().enumerate().for_each(|(index, row)| row.long.id = format!("{host}-{index}"));
        save(&sink.out.join(format!("{host}.jsonl")), rows.iter().map(|row| &row.long))?;
        if sink.instructions {
            count(sink.out, &mut rows)?;
        }
        let _ = write!(text, "\n## {title}\n\n{COLUMNS}");
        rows.iter().for_each(|row| text.push_str(&row.line()));
    }
    text.push_str(&rules(sink, snapshot, archive)?);
    match sink.page {
        Some(page) => {
            std::fs::write(page, text).with_context(|| format!("cannot write `{}`", page.display()))
        }
        None => {
            print!("{text}");
            Ok(())
        }
    }
}

const HEAD: &str = "# The slowest requests\n\n\
    Written by `cargo run --release -p portcullis-benches --bin worst -- --instructions --page docs/worst-case.md`: TRIALS \
    requests of 128 KB tried, each at a tenth of its length as well.\n\n\
    A search, not a proof. Requests are made of what the rules look for: phrases, texts that match a pattern, nearly match \
    it, or go through what repeats in it, in every place of a request, encoded, in few values or many, all alike or all \
    different; the slowest are changed a little and tried again. Times are the processor time of the thread, the least of \
    several evaluations in memory, in detect mode, which looks at everything; prevent mode ends at the first segment (128 KB of \
    values, or 1,000 of them) that is refused. Of texts the shape is shown: words stand as `a`, numbers as `0`. Growth is how many times more ten times the bytes take, in instructions where \
    they were counted.\n";

const COLUMNS: &str = "| request | ms | in prevent mode | instructions a byte | growth | most of it |\n|---|---|---|---|---|---|\n";

/// The table of rules, each with the request that it is slowest at.
fn rules(sink: &Sink<'_>, snapshot: &Arc<Snapshot>, archive: &Archive) -> Result<String> {
    let mut rows: Vec<_> =
        archive.parts().into_iter().map(|(key, it)| Part::new(snapshot, key, it)).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.time));
    save(&sink.out.join("rules.jsonl"), rows.iter().map(|row| &row.record))?;
    let mut text = String::from("\n## Rule by rule\n\n| rule | ms | growth | request |\n|---|---|---|---|\n");
    for row in rows.iter().take(RULES_SHOWN) {
        let _ =
            writeln!(text, "| {} | {:.2} | {:.1} | {} |", name(row.key), ms(row.time), row.growth, row.what);
    }
    let rest = rows.len().saturating_sub(RULES_SHOWN);
    if let Some(first) = rows.get(RULES_SHOWN) {
        let _ = writeln!(
            text,
            "\n{rest} more rules take at most {:.2} ms; all others below 0.02 ms.",
            ms(first.time)
        );
    }
    Ok(text)
}

/// A rule at its slowest.
struct Part {
    key: Key,
    record: Record,
    what: String,
    time: Duration,
    growth: f64,
}

impl Part {
    fn new(snapshot: &Arc<Snapshot>, key: Key, elite: &Elite) -> Self {
        let trial = Trial::run(snapshot, elite.host, &elite.gene, ROUNDS);
        let mut record = elite.gene.record(elite.host, BYTES_LONG);
        record.id = format!("rule-{}", name(key));
        let time = trial.long.parts.get(&key).copied().unwrap_or_default();
        Self { key, record, what: elite.gene.describe(), time, growth: trial.growth_of(key) }
    }
}

fn save<'r>(path: &Path, records: impl Iterator<Item = &'r Record>) -> Result<()> {
    let lines: String = records.map(|record| record.to_json() + "\n").collect();
    std::fs::write(path, lines).with_context(|| format!("cannot write `{}`", path.display()))
}

/// A request that is slow as a whole.
struct Row {
    long: Record,
    short: Record,
    what: String,
    time: Duration,
    prevented: Duration,
    growth: f64,
    /// Instructions a byte, when they were counted.
    instructions: Option<u64>,
    slowest: String,
}

impl Row {
    fn new(snapshot: &Arc<Snapshot>, elite: &Elite, host: &str) -> Self {
        let (long, short) = (elite.gene.record(host, BYTES_LONG), elite.gene.record(host, BYTES_SHORT));
        let time = plain(snapshot, &long, ROUNDS);
        let prevents = Arc::new(snapshot.with_policies(|policy| policy.mode = Mode::Prevent));
        let prevented = plain(&prevents, &long, ROUNDS);
        let growth = time.as_secs_f64() / plain(snapshot, &short, ROUNDS).as_secs_f64().max(1e-9);
        let trial = Trial::run(snapshot, host, &elite.gene, ROUNDS);
        let mut parts: Vec<_> = trial.long.parts.into_iter().collect();
        parts.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
        let part = |(key, time): &(Key, Duration)| format!("{} {:.1}", name(*key), ms(*time));
        let slowest = parts.iter().take(3).map(part).collect::<Vec<_>>().join(", ");
        Self {
            what: elite.gene.describe(),
            long,
            short,
            time,
            prevented,
            growth,
            instructions: None,
            slowest,
        }
    }

    fn line(&self) -> String {
        let instructions = self.instructions.map_or("-".to_owned(), |it| it.to_string());
        format!(
            "| {} | {:.1} | {:.1} | {instructions} | {:.1} | {} |\n",
            self.what,
            ms(self.time),
            ms(self.prevented),
            self.growth,
            self.slowest
        )
    }
}

/// Counts the instructions of all rows, long and short.
fn count(out: &Path, rows: &mut [Row]) -> Result<()> {
    let file = out.join("counted.jsonl");
    save(&file, rows.iter().flat_map(|row| [&row.long, &row.short]))?;
    let dumps = out.join("callgrind");
    std::fs::create_dir_all(&dumps).with_context(|| format!("cannot make `{}`", dumps.display()))?;
    let counts = callgrind::count(&["--count".as_ref(), file.as_os_str()], &dumps)?;
    ensure!(counts.len() == rows.len() * 2, "{} counts of {} requests", counts.len(), rows.len() * 2);
    for (row, pair) in rows.iter_mut().zip(counts.chunks(2)) {
        row.instructions = Some(pair[0] / place::bytes(&row.long).max(1) as u64);
        row.growth = pair[0] as f64 / pair[1].max(1) as f64;
    }
    Ok(())
}

fn name(key: Key) -> String {
    key.map_or("screening".to_owned(), |id| id.to_string())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Requests of a policy that are shown.
const SHOWN: usize = 12;
const RULES_SHOWN: usize = 60;
const ROUNDS: usize = 5;
