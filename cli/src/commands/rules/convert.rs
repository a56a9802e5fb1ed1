//! `rules convert`: other products' set-ups as a configuration.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use engine::convert::{Converted, Input, Options, ingress_nginx, modsecurity};
use engine::{Disk, Snapshot};
use signatures::{Diagnostic, Severity};

use crate::{Outcome, output, settings};

/// What `rules convert` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Kubernetes manifests of ingress-nginx, or with `--modsecurity` rule files; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The files are ModSecurity's own: `modsecurity.conf`, `crs-setup.conf`, rules
    #[arg(long)]
    modsecurity: bool,
    /// Where to: `portcullis.yaml` and `rules/`; without it everything goes to standard output
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Overwrite what is there
    #[arg(long, requires = "output")]
    force: bool,
    /// The directory of the Core Rule Set, as the configuration is to name it
    #[arg(long, value_name = "DIR")]
    crs: Option<String>,
    /// The application, where the files name none
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:3000")]
    upstream: String,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let inputs = args.files.iter().map(|file| read(file, args.modsecurity));
    let inputs = inputs.collect::<anyhow::Result<Vec<_>>>()?;
    let options = Options { crs: args.crs.clone(), upstream: args.upstream.clone() };
    let converted = match args.modsecurity {
        true => modsecurity(&inputs, &options, &Disk),
        false => ingress_nginx(&inputs, &options),
    };
    output::draw(&converted.diagnostics);
    if converted.diagnostics.iter().any(|found| found.severity == Severity::Error) {
        bail!("nothing was written: {}", output::count(&converted.diagnostics));
    }
    match &args.output {
        Some(directory) => write(directory, &converted, args.force)?,
        None => print(&converted)?,
    }
    let lost = converted.diagnostics.iter().filter(|found| found.severity > Severity::Note).count();
    eprintln!(
        "portcullis.yaml and {} made; {} not carried over as it was",
        output::plural(converted.rules.len(), "rule file"),
        output::plural(lost, "thing"),
    );
    match &args.output {
        Some(directory) => Ok(checked(directory)),
        None => Ok(Outcome::Clean),
    }
}

/// Reads a file. With `in_full` its path is absolute, as rules that name data files beside it move elsewhere.
fn read(file: &Path, in_full: bool) -> anyhow::Result<Input> {
    let full = if in_full { std::path::absolute(file).ok() } else { None };
    let is_input = file.as_os_str() == "-";
    let path = full.filter(|_| !is_input).unwrap_or_else(|| file.to_owned()).to_string_lossy().into_owned();
    let mut text = String::new();
    let read = match path.as_str() {
        "-" => io::stdin().take(INPUT_BYTES_MAX).read_to_string(&mut text),
        _ => std::fs::File::open(file).and_then(|file| file.take(INPUT_BYTES_MAX).read_to_string(&mut text)),
    };
    read.with_context(|| format!("cannot read `{path}`"))?;
    Ok(Input { path, text })
}

/// Writes all files, or none when one is there already.
fn write(directory: &Path, converted: &Converted, force: bool) -> anyhow::Result<()> {
    let main = (Path::new("portcullis.yaml"), &converted.configuration);
    let rules = converted.rules.iter().map(|(path, text)| (Path::new(path), text));
    let files: Vec<_> = std::iter::once(main).chain(rules).collect();
    let there =
        files.iter().map(|(path, _)| directory.join(path)).find(|path| path.symlink_metadata().is_ok());
    if let Some(path) = there.filter(|_| !force) {
        bail!("`{}` exists already: `--force` overwrites it", path.display());
    }
    for (path, text) in files {
        let path = directory.join(path);
        let parent = path.parent().unwrap_or(directory);
        std::fs::create_dir_all(parent).with_context(|| format!("cannot make `{}`", parent.display()))?;
        std::fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

fn print(converted: &Converted) -> anyhow::Result<()> {
    let mut out = output::stdout();
    out.write_all(converted.configuration.as_bytes())?;
    for (path, text) in &converted.rules {
        writeln!(out, "\n# ---- {path}")?;
        out.write_all(text.as_bytes())?;
    }
    out.flush()?;
    Ok(())
}

/// Checks what was written, as `portcullis check` does.
fn checked(directory: &Path) -> Outcome {
    let path = directory.join("portcullis.yaml");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let found: Vec<Diagnostic> =
        match Snapshot::check(&path.to_string_lossy(), &text, &Disk, settings::now_us()) {
            Ok((_, warnings)) => warnings,
            Err(found) => found,
        };
    output::draw(&found);
    match found.iter().any(|it| it.severity == Severity::Error) {
        true => Outcome::Findings,
        false => Outcome::Clean,
    }
}

/// The largest input that is read (bytes).
const INPUT_BYTES_MAX: u64 = 64 << 20;
