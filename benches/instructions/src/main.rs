//! Counts the instructions of evaluation and compares them with `baseline.json`: `./x instructions [--bless]`.
//!
//! More than [`TOLERANCE`] above the baseline is an error. Counts depend on the compiler, the C library and what the
//! processor can do: where these are not those of the baseline, nothing is compared, and it says so.

mod baseline;
mod policies;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use engine::{Evaluation, Snapshot};
use portcullis_instructions::callgrind;
use portcullis_instructions::cases;
use transaction::Record;

use baseline::Baseline;
use policies::Policy;

/// By how much a count may exceed the baseline, and below what it is worth a new one.
const TOLERANCE: f64 = 0.03;

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [WORK] => work().map(|()| ExitCode::SUCCESS),
        [] => gate(false),
        ["--bless"] => gate(true),
        _ => bail!("usage: instructions [--bless]"),
    }
}

/// How often all cases are judged before they are counted: automata grow while they are used.
const WARM_ROUNDS: usize = 3;

/// How often a case is judged while it is counted: the seeds of hash maps differ, their mean hardly does.
const COUNTED_ROUNDS: usize = 5;

/// What it is called with under valgrind.
const WORK: &str = "--work";

fn gate(bless: bool) -> Result<ExitCode> {
    if !callgrind::is_available() {
        println!("left out: no valgrind to count instructions with");
        return Ok(ExitCode::SUCCESS);
    }
    if policies::crs().is_none() {
        println!(
            "left out: no Core Rule Set by PORTCULLIS_CRS, by Go or by `portcullis rules install`; built-in rules only"
        );
    }
    let found = Baseline { made_with: baseline::made_with(), rules: policies::hashes()?, counts: counts()? };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline.json");
    if bless {
        found.write(&path)?;
        println!("{} counts written", found.counts.len());
        return Ok(ExitCode::SUCCESS);
    }
    let known = Baseline::read(&path)?;
    if known.made_with != found.made_with {
        println!(
            "left out: the baseline is of\n  {}\nand this is\n  {}\nnothing is compared; `./x instructions --bless` makes a new one",
            known.made_with, found.made_with
        );
        return Ok(ExitCode::SUCCESS);
    }
    let worse = found.compare(&known, TOLERANCE);
    match worse {
        0 => Ok(ExitCode::SUCCESS),
        _ => {
            println!(
                "{worse} counts are more than {:.0} % above the baseline; if it must be so, `./x instructions --bless` and say why in the commit",
                TOLERANCE * 100.0
            );
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The count of each case with each policy, by their names.
fn counts() -> Result<BTreeMap<String, u64>> {
    let directory = std::env::temp_dir().join(format!("portcullis-instructions-{}", std::process::id()));
    std::fs::create_dir_all(&directory).context("no place for callgrind's files")?;
    let counts = callgrind::count(&[WORK], &directory);
    std::fs::remove_dir_all(&directory).ok();
    let names = names()?;
    let counts = counts?;
    if counts.len() != names.len() {
        bail!("{} counts of {} cases", counts.len(), names.len());
    }
    Ok(names.into_iter().zip(counts.into_iter().map(|count| count / COUNTED_ROUNDS as u64)).collect())
}

fn names() -> Result<Vec<String>> {
    let cases = cases::all()?;
    let of = |policy: Policy| cases.iter().map(move |case| format!("{}/{}", policy.name, case.name));
    Ok(policies::all().into_iter().flat_map(of).collect())
}

/// What runs under valgrind: each case, with what earlier ones left warm, as it is in a proxy that has been running.
fn work() -> Result<()> {
    let cases = cases::all()?;
    let snapshot = policies::snapshot()?;
    for policy in policies::all() {
        let cases: Vec<Vec<Record>> = cases.iter().map(|case| case.sent_to(policy.host)).collect();
        for _ in 0..WARM_ROUNDS {
            cases.iter().for_each(|records| judge(&snapshot, records));
        }
        for records in &cases {
            callgrind::counted(|| (0..COUNTED_ROUNDS).for_each(|_| judge(&snapshot, records)));
        }
    }
    Ok(())
}

fn judge(snapshot: &Arc<Snapshot>, records: &[Record]) {
    for record in records {
        std::hint::black_box(Evaluation::judge_record(snapshot, record).verdict);
    }
}
