//! `rules cost`: what each rule costs on recorded requests.

mod ledger;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::ValueEnum;
use engine::Evaluation;
use serde::Serialize;

use crate::input::Records;
use crate::settings::Judging;
use crate::{Outcome, output, progress};
use ledger::{Entry, Ledger};

/// What `rules cost` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Records: JSON lines (plain, `.gz` or `.zst`) or HAR; `-` is standard input
    #[arg(long = "data", required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    judging: Judging,
    /// Each request is judged so often, and the least time of a rule counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// The most expensive rules to list; 0 lists all
    #[arg(long, default_value_t = 30)]
    top: usize,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A table
    Text,
    /// A JSON object a line
    Json,
}

/// A line of the report.
#[derive(Serialize)]
struct Line<'l> {
    /// `screening`, or the rule's id.
    work: String,
    /// Requests in which the rule ran; the others it could not match.
    ran: usize,
    matched: usize,
    /// Microseconds a request, over all requests.
    mean_us: f64,
    /// Of all that was measured.
    share_percent: f64,
    /// Microseconds in the worst request.
    worst_us: f64,
    worst_request: &'l str,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let snapshot = args.judging.snapshot()?;
    // What each rule costs is asked, not what its first value waits for.
    snapshot.build_matchers();
    let ledger = Ledger::default();
    let bar = progress::bar(0, "records");
    let mut requests = 0;
    for file in &args.files {
        let mut records = Records::open(file)?;
        while let Some(item) = records.next()? {
            let record = item.record()?;
            for _ in 0..args.rounds {
                let _ = Evaluation::of_measured(snapshot.clone(), &record, || ledger.meter());
                ledger.end_round();
            }
            ledger.end_request(&record.id);
            requests += 1;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    if requests == 0 {
        bail!("there is no record in the input");
    }
    let entries = ledger.entries();
    let all: Duration = entries.iter().map(|(_, entry)| entry.total).sum();
    let shown = if args.top == 0 { entries.len() } else { args.top };
    let mut out = output::stdout();
    if matches!(args.format, Format::Text) {
        writeln!(out, "      work      ran  matched  us/request   share  worst us  in request")?;
    }
    for (work, entry) in entries.iter().take(shown) {
        write(&mut out, args.format, &line(work, entry, requests, all))?;
    }
    out.flush()?;
    let left_out = entries.len().saturating_sub(shown);
    eprintln!(
        "{}, {:.1} us a request; {} not listed",
        output::plural(requests, "request"),
        micros(all) / requests as f64,
        output::plural(left_out, "rule")
    );
    Ok(Outcome::Clean)
}

fn line<'l>(work: &str, entry: &'l Entry, requests: usize, all: Duration) -> Line<'l> {
    Line {
        work: work.to_owned(),
        ran: entry.ran,
        matched: entry.matched,
        mean_us: micros(entry.total) / requests as f64,
        share_percent: 100.0 * entry.total.as_secs_f64() / all.as_secs_f64().max(f64::MIN_POSITIVE),
        worst_us: micros(entry.worst),
        worst_request: &entry.worst_request,
    }
}

fn write(out: &mut impl Write, format: Format, line: &Line<'_>) -> anyhow::Result<()> {
    match format {
        Format::Json => writeln!(out, "{}", serde_json::to_string(line)?)?,
        Format::Text => writeln!(
            out,
            "{:>10} {:>8} {:>8} {:>11.3} {:>6.1}% {:>9.1}  {}",
            line.work,
            line.ran,
            line.matched,
            line.mean_us,
            line.share_percent,
            line.worst_us,
            line.worst_request
        )?,
    }
    Ok(())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
