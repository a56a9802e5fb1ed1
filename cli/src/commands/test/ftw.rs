//! `test ftw DIR`: regression tests of rule sets, in process.

use std::path::PathBuf;

use anyhow::{Context, bail};
use engine::Disk;
use engine::ftw::{FtwFile, Runner};
use signatures::seclang::{self, Source};
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
    let mut sources = vec![paranoia(args.paranoia)];
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
                    tally.add(&id.to_string(), runner.run(case));
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
