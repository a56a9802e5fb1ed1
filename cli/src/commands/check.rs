//! `check FILE...`: configurations and rule files, all diagnostics.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use engine::{Disk, Snapshot};
use signatures::seclang::{self, Source};
use signatures::{Diagnostic, Severity};

use crate::{Outcome, output, settings};

/// What `check` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Configurations (`.yaml`, `.yml`), rule files, or directories of the Core Rule Set
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
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
    let mut diagnostics = Vec::new();
    for file in &args.files {
        diagnostics.extend(check(file)?);
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

fn check(file: &Path) -> anyhow::Result<Vec<Diagnostic>> {
    let path = file.to_string_lossy();
    if file.is_dir() {
        let sources = seclang::crs_layout(&path, &Disk).map_err(anyhow::Error::msg)?;
        return Ok(seclang::load(sources, &Disk).diagnostics);
    }
    let bytes = std::fs::read(file).with_context(|| format!("cannot read `{path}`"))?;
    if !is_configuration(file, &bytes) {
        return Ok(seclang::load(vec![Source::path(path)], &Disk).diagnostics);
    }
    let text = String::from_utf8(bytes).with_context(|| format!("`{path}` is not UTF-8"))?;
    Ok(match Snapshot::build(&path, &text, &Disk, settings::now_us()) {
        Ok((_, warnings)) => warnings,
        Err(diagnostics) => diagnostics,
    })
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
