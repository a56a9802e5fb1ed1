//! `tune --data CAPTURE`: which exceptions and which threshold would free ordinary requests, and at what price.
//!
//! Nothing is applied: what comes out is a part of a policy, for somebody to read and take over.

mod merge;
mod place;
mod proposal;
mod write;

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use engine::{Evaluation, Evidence, Snapshot, Verdict};
use model::Confidence;
use serde::Deserialize;
use transaction::Record;

use crate::input::Records;
use crate::narrowest::Narrowest;
use crate::settings::{Judging, now_us};
use crate::{Outcome, output, progress};
use proposal::Proposal;

/// What `tune` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Recorded requests of the site; what has no label is taken as ordinary
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    data: Vec<PathBuf>,
    /// Labels of them: JSON lines of `{"id","label"}`, 1 for attacks
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Attacks to measure with what an exception would let through; those among the data without
    #[arg(long, num_args = 1.., value_name = "FILE")]
    attacks: Vec<PathBuf>,
    /// Days until the exceptions that are proposed expire
    #[arg(long, default_value_t = 90)]
    days: u16,
    #[command(flatten)]
    judging: Judging,
}

/// Attacks that are put into each field that would be excepted (count).
const ATTACKS_MAX: usize = 200;

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let snapshot = args.judging.snapshot()?;
    let labels = args.labels.as_ref().map(read_labels).transpose()?.unwrap_or_default();
    let (mut ordinary, mut hostile) = (Tally::default(), Tally::default());
    let mut groups: BTreeMap<(String, Narrowest), Vec<Record>> = BTreeMap::new();
    each(&args.data, |record| {
        let label = labels.get(&record.id).copied().or(record.label).unwrap_or(false);
        let evaluation = Evaluation::of_record(snapshot.clone(), &record);
        if label {
            hostile.add(&evaluation);
            return;
        }
        ordinary.add(&evaluation);
        if let (Some(narrowest), Some(policy)) = (Narrowest::of(&evaluation), evaluation.policy()) {
            groups.entry((policy.name.clone(), narrowest)).or_default().push(record);
        }
    })?;
    each(&args.attacks, |record| hostile.add(&Evaluation::of_record(snapshot.clone(), &record)))?;
    ensure!(ordinary.all > 0, "there is no ordinary request in the data: nothing can be freed");
    let payloads = hostile.sample();
    let proposals: Vec<Proposal> = merge::merged(groups)
        .into_iter()
        .map(|(policy, narrowest, records)| {
            Proposal::measure(&snapshot, policy, narrowest, &records, &payloads)
        })
        .collect();
    let expires = day(now_us(), args.days)?;
    let mut out = output::stdout();
    write::patch(&mut out, &ordinary, &hostile, &payloads, proposals, &expires)?;
    out.flush()?;
    Ok(Outcome::Clean)
}

/// How requests of one kind were judged.
#[derive(Default)]
struct Tally {
    all: usize,
    stopped: usize,
    by_rules: usize,
    /// Not stopped by rules, and at least of medium, high and critical confidence.
    by_model: [usize; 3],
    payloads: Vec<Vec<u8>>,
}

impl Tally {
    fn add(&mut self, evaluation: &Evaluation) {
        self.all += 1;
        let is_stopped = evaluation.verdict().as_str() != "pass";
        self.stopped += usize::from(is_stopped);
        let confidence = evaluation.model_score().map(|(_, confidence)| confidence);
        let alone = |least| confidence.is_some_and(|it| it >= least);
        let by_rules = is_stopped && needed_a_rule(evaluation);
        self.by_rules += usize::from(by_rules);
        let levels = [Confidence::Medium, Confidence::High, Confidence::Critical];
        for (count, level) in self.by_model.iter_mut().zip(levels) {
            *count += usize::from(!by_rules && alone(level));
        }
        self.payloads.extend(evaluation.strange_views().first().map(|finding| finding.excerpt.clone()));
    }

    /// Some payloads, spread evenly.
    fn sample(&self) -> Vec<Vec<u8>> {
        let step = self.payloads.len().div_ceil(ATTACKS_MAX).max(1);
        self.payloads.iter().step_by(step).cloned().collect()
    }
}

/// Whether anything but the model's word alone speaks against a transaction that is stopped.
fn needed_a_rule(evaluation: &Evaluation) -> bool {
    let (Verdict::Detect(why) | Verdict::Prevent(why, _)) = evaluation.verdict() else { return false };
    let wanted = evaluation.minimum_confidence();
    let alone = |it: &Evidence| matches!(it, Evidence::Model { confidence, .. } if *confidence >= wanted);
    !std::iter::once(&why.first).chain(&why.rest).all(alone)
}

fn each(files: &[PathBuf], mut take: impl FnMut(Record)) -> anyhow::Result<()> {
    let bar = progress::bar(0, "records");
    for file in files {
        let mut records = Records::open(file)?;
        while let Some(item) = records.next()? {
            take(item.record()?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(())
}

#[derive(Deserialize)]
struct Label {
    id: String,
    label: u8,
}

fn read_labels(path: &PathBuf) -> anyhow::Result<HashMap<String, bool>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            let place = || format!("{}:{}: not a label", path.display(), index + 1);
            let label: Label = serde_json::from_str(line).with_context(place)?;
            ensure!(label.label <= 1, "{}: expected 0 or 1", place());
            Ok((label.id, label.label == 1))
        })
        .collect()
}

/// The day that comes so many days after a time.
fn day(now_us: i64, days: u16) -> anyhow::Result<String> {
    let now = jiff::Timestamp::from_microsecond(now_us)?.to_zoned(jiff::tz::TimeZone::UTC);
    Ok(now.date().checked_add(jiff::Span::new().days(i64::from(days)))?.to_string())
}

/// A snapshot in which one policy has one exception more.
fn with_exception(snapshot: &Snapshot, policy: &str, yaml: &str) -> Option<Arc<Snapshot>> {
    let exception = engine::policy::Exception::parse(yaml).ok()?;
    Some(Arc::new(snapshot.with_policies(|it| {
        if it.name == policy {
            it.exceptions.push(exception.clone());
        }
    })))
}
