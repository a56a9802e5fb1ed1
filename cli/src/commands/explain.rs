//! `explain FILE[#ID]`: one verdict in full.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;
use engine::record::ModelRecord;
use engine::record::mask::Mask;
use engine::{Evaluation, Evidence, Outcome as Ended, Snapshot, Verdict};
use serde_json::json;
use signatures::{Match, Rule};
use transaction::{Fields, Record, Transaction};

use crate::input::Records;
use crate::narrowest::Narrowest;
use crate::settings::Judging;
use crate::{Outcome, output};

/// What `explain` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A file of records, and the id of the one that is meant: `capture.jsonl#0a1b`; the first without
    #[arg(value_name = "FILE[#ID]")]
    record: String,
    #[command(flatten)]
    judging: Judging,
    /// Write JSON for programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let record = find(&args.record)?;
    let snapshot = args.judging.snapshot()?;
    let evaluation = Evaluation::of_record(snapshot.clone(), &record);
    let mut out = output::stdout();
    if args.json {
        write_json(evaluation, &mut out)?;
    } else {
        write_text(&snapshot, &evaluation, &mut out)?;
    }
    out.flush()?;
    Ok(Outcome::Clean)
}

/// The record that `FILE#ID` means. A `#` that is part of an existing file's name is not a separator.
fn find(text: &str) -> anyhow::Result<Record> {
    let (file, id) = match text.rsplit_once('#') {
        Some((file, id)) if !Path::new(text).exists() => (file, Some(id)),
        _ => (text, None),
    };
    let mut records = Records::open(&PathBuf::from(file))?;
    while let Some(item) = records.next()? {
        let record = item.record()?;
        if id.is_none_or(|id| id == record.id) {
            return Ok(record);
        }
    }
    match id {
        Some(id) => bail!("there is no record `{id}` in `{file}`"),
        None => bail!("there is no record in `{file}`"),
    }
}

fn write_json(evaluation: Evaluation, out: &mut impl Write) -> anyhow::Result<()> {
    let mask = Mask::new(evaluation.transaction());
    let fields: Vec<_> = fields(evaluation.transaction())
        .map(|(target, value)| json!({ "target": target, "value": mask.value(&target, value) }))
        .collect();
    let record = evaluation.finish(Ended::default());
    let mut value = serde_json::to_value(&record)?;
    value["fields"] = fields.into();
    serde_json::to_writer_pretty(&mut *out, &value)?;
    writeln!(out)?;
    Ok(())
}

fn write_text(snapshot: &Arc<Snapshot>, evaluation: &Evaluation, out: &mut impl Write) -> anyhow::Result<()> {
    let transaction = evaluation.transaction();
    let mask = Mask::new(transaction);
    let line = [&transaction.request.method[..], b" ", &transaction.request.target].concat();
    writeln!(out, "{}: {}", evaluation.verdict().as_str(), mask.text(&line))?;
    writeln!(out, "  {}", reason(snapshot, evaluation))?;
    let asset = evaluation.asset().map_or("none", |asset| asset.name.as_str());
    let policy = evaluation.policy().map_or("none", |policy| policy.name.as_str());
    let model = evaluation.model_score().map(|(score, confidence)| {
        format!(", model score {:.3} ({} confidence)", score.0, confidence.as_str())
    });
    let model = model.unwrap_or_default();
    writeln!(out, "  asset {asset}, policy {policy}, anomaly score {}{model}", evaluation.anomaly_score())?;
    for exception in evaluation.exceptions() {
        writeln!(out, "  exception: {}", exception.name)?;
    }
    if !transaction.inspection.is_complete() {
        let reasons: Vec<_> = transaction.inspection.reasons().map(transaction::Shortfall::as_str).collect();
        writeln!(out, "  not inspected whole: {}", reasons.join(", "))?;
    }
    writeln!(out, "\nfields")?;
    for (target, value) in fields(transaction) {
        writeln!(out, "  {target} = {}", shown(&mask.value(&target, value)))?;
    }
    let matches = evaluation.reported_matches();
    writeln!(out, "\nrules that matched{}", if matches.is_empty() { ": none" } else { "" })?;
    for (_, found) in &matches {
        write_match(snapshot, found, &mask, out)?;
        if evaluation.is_habitual(found) {
            writeln!(out, "    habitual here: it needs the model's word")?;
        }
    }
    write_model(evaluation, out)?;
    let ways = ways_out(evaluation);
    if !ways.is_empty() {
        writeln!(out, "\nwhat would have let it pass")?;
        for way in ways {
            writeln!(out, "  - {way}")?;
        }
    }
    Ok(())
}

fn reason(snapshot: &Snapshot, evaluation: &Evaluation) -> String {
    let why = match evaluation.verdict() {
        Verdict::Pass => return "nothing that decides was found".to_owned(),
        Verdict::Detect(why) | Verdict::Prevent(why, _) => why,
    };
    match &why.first {
        Evidence::InspectionFailure { reason } => format!("because a part was not inspected: {reason}"),
        Evidence::Model { score, confidence } => {
            let field = ModelRecord::all_of(evaluation).into_iter().next();
            let field = field.map(|found| format!(" in {}", found.field)).unwrap_or_default();
            let confidence = confidence.as_str();
            format!("because of what the model sees{field}: score {:.3}, {confidence} confidence", score.0)
        }
        Evidence::Address { list } => format!("because the client is on the list of addresses `{list}`"),
        Evidence::Country { country: Some(country) } => {
            format!("because the client comes from the country {}", country.as_str())
        }
        Evidence::Country { country: None } => {
            "because it is not known from which country the client comes".to_owned()
        }
        Evidence::RateLimit { limit } => {
            format!("because it was one more than the rate limit `{limit}` allows")
        }
        Evidence::Rule { id, .. } => {
            let place =
                find_rule(snapshot, *id).map(|rule| format!(" ({})", place(rule))).unwrap_or_default();
            let msg = evaluation.matches().find(|found| found.id == *id).map(|found| found.msg.clone());
            let msg = msg.map(|msg| format!(": {}", String::from_utf8_lossy(&msg))).unwrap_or_default();
            format!("because of rule {id}{place}{msg}")
        }
    }
}

/// What the model found strange, with the bytes that made it so.
fn write_model(evaluation: &Evaluation, out: &mut impl Write) -> anyhow::Result<()> {
    if evaluation.compiled_model().is_none() {
        return Ok(());
    }
    let found = ModelRecord::all_of(evaluation);
    writeln!(out, "\nwhat the model found strange{}", if found.is_empty() { ": nothing" } else { "" })?;
    write_strange(&found, out)?;
    let habitual = ModelRecord::habitual(evaluation);
    if !habitual.is_empty() {
        writeln!(out, "\nwhat would be strange, were it not habitual in its field")?;
        write_strange(&habitual, out)?;
    }
    Ok(())
}

fn write_strange(found: &[ModelRecord], out: &mut impl Write) -> anyhow::Result<()> {
    for record in found {
        let decoded = if record.encodings.is_empty() {
            String::new()
        } else {
            format!(", decoded by {}", record.encodings)
        };
        let novelty = record.novelty.map(|it| format!(", {it:+.2} of it as the field was always plain"));
        let novelty = novelty.unwrap_or_default();
        writeln!(
            out,
            "  {} (log-odds {:+.2}{novelty}{decoded}): {}",
            record.field,
            record.weight,
            shown(&record.decoded)
        )?;
        for span in &record.spans {
            let at = span.at.map(|(start, end)| format!("  at bytes {start} to {end}")).unwrap_or_default();
            writeln!(out, "    {:+.2}  {}{at}", span.weight, shown(&span.text))?;
        }
    }
    Ok(())
}

fn write_match(snapshot: &Snapshot, found: &Match, mask: &Mask, out: &mut impl Write) -> anyhow::Result<()> {
    let severity = found.severity.map(|severity| format!(" {severity:?}").to_lowercase()).unwrap_or_default();
    let score = if found.score == 0 { String::new() } else { format!(" +{}", found.score) };
    writeln!(out, "  {}{severity}{score}: {}", found.id, mask.text(&found.msg))?;
    for value in &found.values {
        writeln!(out, "    {} matched {}", value.target, shown(&mask.value(&value.target, &value.matched)))?;
    }
    if let Some(rule) = find_rule(snapshot, found.id) {
        let mut steps = Vec::new();
        for step in rule.links.iter().flat_map(|link| &link.transformations) {
            // Chained rules mostly repeat what the first one decodes.
            if !steps.contains(&step.name()) {
                steps.push(step.name());
            }
        }
        if !steps.is_empty() {
            writeln!(out, "    decoded by {}", steps.join(", "))?;
        }
        writeln!(out, "    {}", place(rule))?;
    }
    Ok(())
}

/// What could be written into the policy; narrow first.
fn ways_out(evaluation: &Evaluation) -> Vec<String> {
    let (Verdict::Detect(why) | Verdict::Prevent(why, _)) = evaluation.verdict() else { return Vec::new() };
    match &why.first {
        Evidence::InspectionFailure { reason } => {
            vec![match *reason {
                "body-malformed" => "`on_malformed: pass`".to_owned(),
                "engine-failure" => "`on_inspection_failure: pass`".to_owned(),
                reason => format!("a higher limit for {reason}, or `on_limit: detect`"),
            }]
        }
        Evidence::Model { confidence, .. } => {
            let mut ways = exception(evaluation);
            if *confidence < model::Confidence::Critical {
                ways.push("`model: { minimum_confidence: critical }`".to_owned());
            }
            ways.push("`mode: detect`".to_owned());
            ways
        }
        Evidence::Address { .. } => {
            vec!["a list with a longer prefix in `allow_addresses`".to_owned(), "`mode: detect`".to_owned()]
        }
        Evidence::Country { .. } => vec![
            "the country in `countries`, or a list in `allow_addresses`".to_owned(),
            "`mode: detect`".to_owned(),
        ],
        Evidence::RateLimit { limit } => vec![
            format!("a higher `rate` or `burst` of the rate limit `{limit}`"),
            "`mode: detect`".to_owned(),
        ],
        Evidence::Rule { matches, .. } => {
            let mut ways = exception(evaluation);
            let score = evaluation.anomaly_score();
            if matches.iter().any(|found| found.score > 0) {
                ways.push(format!("`inbound_threshold: {}` or more", score.saturating_add(1)));
            }
            ways.push("`mode: detect`".to_owned());
            ways
        }
    }
}

fn exception(evaluation: &Evaluation) -> Vec<String> {
    let narrowest = Narrowest::of(evaluation);
    narrowest.iter().map(|it| format!("an exception: `{{ {it}, reason: ..., expires: ... }}`")).collect()
}

fn find_rule(snapshot: &Snapshot, id: signatures::RuleId) -> Option<&Rule> {
    let sources = snapshot.policies().iter().flat_map(|policy| &policy.sources);
    sources.flat_map(|source| &source.rules.ruleset.rules).find(|rule| rule.id == id)
}

fn place(rule: &Rule) -> String {
    format!("{}:{}", rule.location.file.path, rule.location.line_column().0)
}

/// What rules read, as SecLang names it.
fn fields(transaction: &Transaction) -> impl Iterator<Item = (String, &[u8])> {
    list("REQUEST_HEADERS", &transaction.request.headers)
        .chain(list("ARGS_GET", &transaction.query))
        .chain(list("REQUEST_COOKIES", &transaction.cookies))
        .chain(list("ARGS_POST", &transaction.body.arguments))
        .chain(list("XML", &transaction.body.xml_text))
}

fn list<'a>(variable: &'static str, fields: &'a Fields) -> impl Iterator<Item = (String, &'a [u8])> {
    let named = move |name| format!("{variable}:{}", String::from_utf8_lossy(name));
    fields.iter().map(move |field| (named(field.name), field.value))
}

/// One line of at most 200 characters.
fn shown(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter.is_control() {
            true => escaped.extend(letter.escape_default()),
            false => escaped.push(letter),
        }
    }
    match escaped.char_indices().nth(200) {
        Some((at, _)) => format!("{}... ({} bytes)", &escaped[..at], text.len()),
        None => escaped,
    }
}
