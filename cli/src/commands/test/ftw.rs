//! `test ftw DIR`: regression tests of rule sets, in process.

use std::path::PathBuf;

use anyhow::{Context, bail};
use engine::Disk;
use engine::ftw::{CRS_SETTINGS, Case, CaseId, FtwFile, Runner};
use signatures::seclang::{self, Source};
use signatures::{RuleId, Trace, TraceKind};
use transaction::Limits;

use super::{Tally, yaml_files};
use crate::{Outcome, output, progress};

/// What `test ftw` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A directory of go-ftw tests, or one file
    #[arg(value_name = "DIR")]
    path: PathBuf,
    /// The rules under test, as one rule set: `builtin`, `crs:DIR` or a file; may be repeated
    #[arg(long, value_name = "SOURCE", required = true)]
    rules: Vec<String>,
    /// The paranoia level: 1 to 4
    #[arg(long, value_name = "LEVEL", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=4))]
    paranoia: u8,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let files = yaml_files(&args.path)?;
    let mut sources = vec![Source::text("settings", CRS_SETTINGS), paranoia(args.paranoia)];
    for rules in &args.rules {
        sources.extend(crate::settings::sources(rules)?);
    }
    let loaded = seclang::load(sources, &Disk);
    output::draw(&loaded.diagnostics);
    if loaded.has_errors() {
        bail!("{}", output::count(&loaded.diagnostics));
    }
    let limits = Limits::default();
    let runner = Runner { ruleset: &loaded.ruleset, limits: &limits };
    let mut tally = Tally::default();
    let bar = progress::bar(files.len() as u64, "files");
    for path in files {
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        match FtwFile::parse(&text) {
            Ok(Some(file)) => {
                for (id, case) in file.cases() {
                    let result = runner.run(case);
                    let failed = result.is_err();
                    tally.add(&id.to_string(), result);
                    if failed {
                        explain(&runner, id, case);
                    }
                }
            }
            Ok(None) => {}
            Err(reason) => tally.add(&path.display().to_string(), Err(reason)),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    tally.conclude()
}

/// What a policy would say; the CRS keeps what is set before its own initialisation. The id is of the
/// range reserved for local use.
fn paranoia(level: u8) -> Source {
    let names =
        ["blocking_paranoia_level", "detection_paranoia_level", "paranoia_level", "executing_paranoia_level"];
    let set: String = names.iter().map(|name| format!(",setvar:tx.{name}={level}")).collect();
    Source::text("flags", format!("SecAction \"id:99000,phase:1,pass,nolog{set}\"\n"))
}

/// What was sent, and why the rule under test matched or did not.
fn explain(runner: &Runner<'_>, id: CaseId, case: &Case) {
    for stage in &case.stages {
        let only = id.rule_id.try_into().map(|id| vec![RuleId(id)]).unwrap_or_default();
        let trace = Trace { only, ..Trace::default() };
        let Ok(observed) = runner.observe(&stage.input, Some(trace)) else { continue };
        let sent = stage.input.to_bytes().unwrap_or_default();
        println!("  sent: {}", shortened(&sent));
        let logged = observed.matches.iter().filter(|found| found.log);
        println!(
            "  logged: {:?}, status {}",
            logged.map(|found| found.id.get()).collect::<Vec<_>>(),
            observed.status
        );
        let events = observed.trace.map(|trace| trace.events).unwrap_or_default();
        for event in events.iter().take(EVENTS_MAX) {
            println!("  phase {} link {}: {}", event.phase as u8, event.link, told(&event.kind));
        }
        if events.len() > EVENTS_MAX {
            println!("  and {} more", events.len() - EVENTS_MAX);
        }
    }
}

fn told(kind: &TraceKind) -> String {
    match kind {
        TraceKind::NoMatch => "no value matched".to_owned(),
        TraceKind::RuleMatched => "the rule matched".to_owned(),
        TraceKind::RuleRemoved => "a `ctl` had removed the rule".to_owned(),
        TraceKind::Tested { target, value, matched } => {
            format!(
                "{target} `{}`: {}",
                shortened(value),
                if *matched { "matches" } else { "does not match" }
            )
        }
        TraceKind::ValueExcluded { target } => format!("{target} is excluded"),
    }
}

fn shortened(bytes: &[u8]) -> String {
    let cut = if bytes.len() > SHOWN_BYTES_MAX { "..." } else { "" };
    format!("{}{cut}", bytes[..bytes.len().min(SHOWN_BYTES_MAX)].escape_ascii())
}

/// Events shown of a failed case (count).
const EVENTS_MAX: usize = 40;
/// Bytes shown of a request or a value.
const SHOWN_BYTES_MAX: usize = 1024;
