//! `rules list|explain|install`.

mod install;

use std::io::Write;

use anyhow::bail;
use engine::Disk;
use signatures::seclang;
use signatures::{Rule, Ruleset};

use crate::{Outcome, output, settings};

/// What `rules` does.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List rules: id, phase, severity, paranoia level, message
    List(Selected),
    /// Show one rule with its text
    Explain(Explain),
    /// Install a release of the Core Rule Set
    Install(install::Args),
}

/// Which rules.
#[derive(clap::Args)]
pub(crate) struct Selected {
    /// Rules: `builtin`, `crs:DIR` or a file; may be repeated [default: builtin]
    #[arg(long, value_name = "SOURCE")]
    rules: Vec<String>,
}

/// What `rules explain` takes.
#[derive(clap::Args)]
pub(crate) struct Explain {
    /// The rule's id
    id: u32,
    #[command(flatten)]
    selected: Selected,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<Outcome> {
    match command {
        Command::List(selected) => list(&load(selected)?),
        Command::Explain(args) => explain(args),
        Command::Install(args) => install::run(args),
    }
}

fn load(selected: &Selected) -> anyhow::Result<Ruleset> {
    let standard = ["builtin".to_owned()];
    let rules = if selected.rules.is_empty() { &standard[..] } else { &selected.rules };
    let mut sources = Vec::new();
    for rules in rules {
        sources.extend(settings::sources(rules)?);
    }
    let loaded = seclang::load(sources, &Disk);
    if loaded.has_errors() {
        output::draw(&loaded.diagnostics);
        bail!("{}", output::count(&loaded.diagnostics));
    }
    Ok(loaded.ruleset)
}

fn list(ruleset: &Ruleset) -> anyhow::Result<Outcome> {
    let mut out = output::stdout();
    for rule in &ruleset.rules {
        let severity =
            rule.meta.severity.map_or("-".to_owned(), |severity| format!("{severity:?}").to_lowercase());
        let level = rule.meta.paranoia.map_or("-".to_owned(), |level| format!("PL{}", level as u8));
        writeln!(
            out,
            "{:>8}  phase {}  {severity:<9}  {level:<3}  {}",
            rule.id,
            rule.phase as u8,
            msg(rule)
        )?;
    }
    out.flush()?;
    eprintln!("{}", output::plural(ruleset.rules.len(), "rule"));
    Ok(Outcome::Clean)
}

fn msg(rule: &Rule) -> String {
    rule.meta
        .msg
        .as_ref()
        .and_then(|text| text.as_literal())
        .map_or(String::new(), |text| String::from_utf8_lossy(text).into_owned())
}

fn explain(args: &Explain) -> anyhow::Result<Outcome> {
    let ruleset = load(&args.selected)?;
    let Some(rule) = ruleset.rules.iter().find(|rule| rule.id.get() == args.id) else {
        bail!("there is no rule {} in these rules; name others with `--rules`", args.id);
    };
    let mut out = output::stdout();
    let place = &rule.location;
    writeln!(out, "{} {}", rule.id, msg(rule))?;
    writeln!(out, "  {}:{}, phase {}", place.file.path, place.line_column().0, rule.phase as u8)?;
    if let Some(severity) = rule.meta.severity {
        writeln!(out, "  severity {}", format!("{severity:?}").to_lowercase())?;
    }
    if let Some(level) = rule.meta.paranoia {
        writeln!(out, "  paranoia level {}", level as u8)?;
    }
    for link in &rule.links {
        let steps: Vec<_> = link.transformations.iter().map(|step| step.name()).collect();
        let variables: Vec<_> = link.targets.iter().map(|target| target.variable.name()).collect();
        writeln!(out, "  looks at {} after {}", words(&variables), words(&steps))?;
    }
    writeln!(out, "\n{}", text(rule))?;
    out.flush()?;
    Ok(Outcome::Clean)
}

fn words(words: &[&str]) -> String {
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

/// The rule as written, with what precedes its directive on the first line.
fn text(rule: &Rule) -> &str {
    let text = &rule.location.file.text;
    let span = &rule.location.span;
    let start = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    text.get(start..span.end).unwrap_or_default().trim_end()
}
