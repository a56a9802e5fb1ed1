//! `rules list|explain|cost|convert|install`.

mod convert;
mod cost;
mod explain;
mod install;
mod list;

use anyhow::bail;
use engine::Disk;
use signatures::Rule;
use signatures::seclang::{self, Loaded};

use crate::{Outcome, output, settings};

/// What `rules` does.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List rules: id, phase, severity, paranoia level, message
    List(Selected),
    /// Say in words what a rule looks at, when it matches, what a match does, and what it costs
    Explain(explain::Args),
    /// Say what each rule costs on recorded requests
    Cost(cost::Args),
    /// Make a configuration of ingress-nginx's manifests or of ModSecurity's settings
    Convert(convert::Args),
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

pub(crate) fn run(command: &Command) -> anyhow::Result<Outcome> {
    match command {
        Command::List(selected) => list::run(&load(selected)?.ruleset),
        Command::Explain(args) => explain::run(args),
        Command::Cost(args) => cost::run(args),
        Command::Convert(args) => convert::run(args),
        Command::Install(args) => install::run(args),
    }
}

fn load(selected: &Selected) -> anyhow::Result<Loaded> {
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
    Ok(loaded)
}

fn msg(rule: &Rule) -> String {
    rule.meta.msg.as_ref().map(ToString::to_string).unwrap_or_default()
}
