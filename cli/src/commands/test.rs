//! `test DIR`: policy tests; `test ftw DIR`: regression tests of rule sets in go-ftw's format.

mod ftw;
mod policy;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::settings::Judging;
use crate::{Outcome, output};

/// What `test` takes.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    kind: Option<Kind>,
    /// A directory of policy tests (`*.yaml`), or one file
    #[arg(required = true, value_name = "DIR")]
    path: Option<PathBuf>,
    #[command(flatten)]
    judging: Judging,
}

#[derive(clap::Subcommand)]
enum Kind {
    /// Run go-ftw's regression tests in process
    Ftw(ftw::Args),
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    match (&args.kind, &args.path) {
        (Some(Kind::Ftw(args)), _) => ftw::run(args),
        (None, Some(path)) => policy::run(path, &args.judging),
        (None, None) => bail!("there is nothing to test: name a directory"),
    }
}

/// Counts results; failures are told at once.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
}

impl Tally {
    fn add(&mut self, name: &str, result: Result<(), String>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(reason) => {
                self.failed += 1;
                println!("FAILED {name}: {reason}");
            }
        }
    }

    /// The last line, and what follows from it.
    fn conclude(&self) -> anyhow::Result<Outcome> {
        use std::io::Write;
        let mut out = output::stdout();
        writeln!(out, "{} passed, {} failed", self.passed, self.failed)?;
        out.flush()?;
        Ok(if self.failed == 0 { Outcome::Clean } else { Outcome::Findings })
    }
}

/// All YAML files below a path, in order.
fn yaml_files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    collect(path, &mut files).with_context(|| format!("cannot read `{}`", path.display()))?;
    files.sort();
    if files.is_empty() {
        bail!("there is no `*.yaml` in `{}`", path.display());
    }
    Ok(files)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if path.is_file() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if path.is_dir() {
            collect(&path, files)?;
        } else if is_yaml {
            files.push(path);
        }
    }
    Ok(())
}
