//! `rules explain ID`: a rule in words.

mod action;
mod cost;
mod measure;
mod operator;
mod test;
mod text;

use std::io::Write;
use std::path::PathBuf;

use anyhow::bail;
use clap::ValueEnum;
use serde::Serialize;
use signatures::seclang::Loaded;
use signatures::{Location, Rule, Ruleset, Skip, Step};

use super::{Selected, load, msg};
use crate::{Outcome, output};
use cost::Cost;
use measure::Measured;
use test::Test;

/// What `rules explain` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The rule's id
    id: u32,
    #[command(flatten)]
    selected: Selected,
    /// Recorded requests to measure the rule with
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// A JSON object
    Json,
}

/// A rule in words.
#[derive(Serialize)]
struct Explained {
    id: u32,
    message: String,
    place: Place,
    phase: u8,
    severity: Option<String>,
    tags: Vec<String>,
    paranoia: Option<u8>,
    /// What skips it.
    gates: Vec<Gate>,
    /// The rule proper, then the rules chained to it.
    tests: Vec<Test>,
    /// What a match does, in order.
    effects: Vec<String>,
    /// The directives that changed it.
    changed_by: Vec<Change>,
    cost: Cost,
    measured: Option<Measured>,
    /// As written.
    text: String,
}

#[derive(Serialize)]
struct Place {
    file: String,
    line: usize,
}

/// An earlier rule that skips this one when it matches.
#[derive(Serialize)]
struct Gate {
    rule: u32,
    marker: String,
    /// When it matches.
    when: String,
}

/// A directive that changed the rule after it was read.
#[derive(Serialize)]
struct Change {
    place: Place,
    directive: String,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let loaded = load(&args.selected)?;
    let Some(index) = loaded.ruleset.rules.iter().position(|rule| rule.id.get() == args.id) else {
        bail!("{}", missing(&loaded, args.id));
    };
    let mut explained = Explained::new(&loaded.ruleset, index);
    if let Some(file) = &args.records {
        explained.measured = Some(measure::measure(&loaded.ruleset, index, file)?);
    }
    let mut out = output::stdout();
    match args.format {
        Format::Text => text::write(&explained, &mut out)?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &explained)?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    Ok(Outcome::Clean)
}

/// Why there is no such rule.
fn missing(loaded: &Loaded, id: u32) -> String {
    match loaded.removed.iter().find(|(removed, _)| removed.get() == id) {
        Some((_, by)) => {
            let Place { file, line } = Place::of(by);
            format!("rule {id} was removed by {file}:{line}: `{}`", written(by))
        }
        None => format!("there is no rule {id} in these rules; name others with `--rules`"),
    }
}

impl Explained {
    fn new(ruleset: &Ruleset, index: usize) -> Self {
        let rule = &ruleset.rules[index];
        Self {
            id: rule.id.get(),
            message: msg(rule),
            place: Place::of(&rule.location),
            phase: rule.phase as u8,
            severity: rule.meta.severity.map(|severity| format!("{severity:?}").to_lowercase()),
            tags: rule.meta.tags.iter().map(ToString::to_string).collect(),
            paranoia: rule.meta.paranoia.map(|level| level as u8),
            gates: gates(ruleset, index),
            tests: rule.links.iter().map(Test::new).collect(),
            effects: action::effects(rule),
            changed_by: rule.changes.iter().map(Change::of).collect(),
            cost: Cost::new(ruleset, index),
            measured: None,
            text: text_of(rule).to_owned(),
        }
    }
}

impl Place {
    fn of(location: &Location) -> Self {
        Self { file: location.file.path.clone(), line: location.line_column().0 }
    }
}

impl Change {
    fn of(location: &Location) -> Self {
        Self { place: Place::of(location), directive: written(location).to_owned() }
    }
}

/// The rules of the same phase that skip the rule when they match.
fn gates(ruleset: &Ruleset, index: usize) -> Vec<Gate> {
    let phase = ruleset.rules[index].phase.index();
    let steps = &ruleset.phases[phase];
    let is_it = |step: &Step| matches!(step, Step::Rule(rule) if *rule as usize == index);
    let Some(here) = steps.iter().position(is_it) else { return Vec::new() };
    let earlier = steps[..here].iter().filter_map(|step| match step {
        Step::Rule(rule) => ruleset.rules.get(*rule as usize),
        Step::Marker => None,
    });
    let gate = |rule: &Rule| match &rule.skip {
        // A marker that is not there skips the rest.
        Some(Skip::After(marker)) if ruleset.markers[phase].get(marker).is_none_or(|to| *to > here) => {
            Some(Gate { rule: rule.id.get(), marker: marker.to_string(), when: test::condition(rule) })
        }
        _ => None,
    };
    earlier.filter_map(gate).collect()
}

/// The rule as written, with what precedes its directive on the first line.
fn text_of(rule: &Rule) -> &str {
    let text = &rule.location.file.text;
    let span = &rule.location.span;
    let start = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    text.get(start..span.end).unwrap_or_default().trim_end()
}

fn written(location: &Location) -> &str {
    location.file.text.get(location.span.clone()).unwrap_or_default()
}
