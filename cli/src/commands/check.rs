//! `check FILE...`: configurations and rule files, all diagnostics.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::ValueEnum;
use engine::{Disk, LoadedRules, Snapshot};
use signatures::seclang::{self, Loaded, Source};
use signatures::{Diagnostic, Severity};

use crate::{Outcome, output, settings};

/// What `check` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Configurations (`.yaml`, `.yml`), rule files, or directories of the Core Rule Set
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Load the rule files as one configuration, in this order
    #[arg(long)]
    together: bool,
    /// Show notes too: what is likely to be a mistake, or dear to other engines
    #[arg(long)]
    pedantic: bool,
    /// How diagnostics are written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people, on standard error
    Text,
    /// A JSON array
    Json,
    /// SARIF 2.1.0
    Sarif,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let mut found = Found::default();
    if args.together {
        found.add(together(&args.files)?);
    } else {
        args.files.iter().try_for_each(|file| check(file, &mut found))?;
    }
    let mut diagnostics = found.diagnostics;
    if args.pedantic {
        diagnostics.append(&mut found.notes);
    }
    let failed = diagnostics.iter().any(|found| found.severity == Severity::Error);
    let mut out = output::stdout();
    match args.format {
        Format::Text => output::draw(&diagnostics),
        Format::Json => {
            let list: Vec<_> = diagnostics.iter().map(Diagnostic::to_json).collect();
            serde_json::to_writer_pretty(&mut out, &list)?;
            writeln!(out)?;
        }
        Format::Sarif => {
            serde_json::to_writer_pretty(&mut out, &Diagnostic::to_sarif(&diagnostics))?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    let files = output::plural(args.files.len(), "file");
    eprintln!(
        "{files} checked: {}",
        if diagnostics.is_empty() { "clean".into() } else { output::count(&diagnostics) }
    );
    Ok(if failed { Outcome::Findings } else { Outcome::Clean })
}

/// What is said about files.
#[derive(Default)]
struct Found {
    diagnostics: Vec<Diagnostic>,
    notes: Vec<Diagnostic>,
}

impl Found {
    fn add(&mut self, loaded: Loaded) {
        self.diagnostics.extend(loaded.diagnostics);
        self.notes.extend(loaded.notes);
    }
}

fn check(file: &Path, found: &mut Found) -> anyhow::Result<()> {
    let path = file.to_string_lossy();
    let bytes = if file.is_dir() { Vec::new() } else { read(file)? };
    if file.is_dir() || !is_configuration(file, &bytes) {
        found.add(seclang::check(sources(file)?, &Disk));
        return Ok(());
    }
    let text = String::from_utf8(bytes).with_context(|| format!("`{path}` is not UTF-8"))?;
    match Snapshot::check(&path, &text, &Disk, settings::now_us()) {
        Ok((snapshot, warnings)) => {
            found.diagnostics.extend(warnings);
            found.notes.extend(notes(&snapshot));
        }
        Err(diagnostics) => found.diagnostics.extend(diagnostics),
    }
    Ok(())
}

/// Rule files and directories as one configuration.
fn together(files: &[PathBuf]) -> anyhow::Result<Loaded> {
    let mut all = Vec::new();
    for file in files {
        if !file.is_dir() && is_configuration(file, &read(file)?) {
            bail!("`{}` is a configuration: `--together` is for rule files", file.display());
        }
        all.extend(sources(file)?);
    }
    Ok(seclang::check(all, &Disk))
}

fn sources(file: &Path) -> anyhow::Result<Vec<Source>> {
    let path = file.to_string_lossy();
    match file.is_dir() {
        true => seclang::crs_layout(&path, &Disk).map_err(anyhow::Error::msg),
        false => Ok(vec![Source::path(path)]),
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))
}

/// Notes about the rules of all policies, which may share them.
fn notes(snapshot: &Snapshot) -> Vec<Diagnostic> {
    let mut seen: Vec<&Arc<LoadedRules>> = Vec::new();
    for source in snapshot.policies().iter().flat_map(|policy| &policy.sources) {
        if !seen.iter().any(|rules| Arc::ptr_eq(rules, &source.rules)) {
            seen.push(&source.rules);
        }
    }
    seen.into_iter().flat_map(|rules| rules.notes.iter().cloned()).collect()
}

/// By its name; by what it begins with when the name does not say.
fn is_configuration(file: &Path, bytes: &[u8]) -> bool {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("yaml" | "yml" | "json") => true,
        Some("conf" | "rules" | "example") => false,
        _ => {
            let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            let first =
                lines.filter(|line| !line.is_empty() && !line.starts_with(b"#")).find(|line| *line != b"---");
            first.is_some_and(|line| line.starts_with(b"version:"))
        }
    }
}
