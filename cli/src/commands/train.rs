//! `train`: labelled records in, a model and its card out.

mod licence;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use model::artifact::Source;
use model::{Artifact, Confidence, Model};
use sha2::{Digest, Sha256};
use train::{Corpus, Request};

use crate::input::Records;
use crate::{Outcome, output, progress};

/// What `train` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Labelled records: JSON lines, plain, `.gz` or `.zst`
    #[arg(long, num_args = 1.., value_name = "FILE", required_unless_present = "warm_start")]
    data: Vec<PathBuf>,
    /// Your own verdicts: labelled records that count as much as `--feedback-weight` others each
    #[arg(long, num_args = 1.., value_name = "FILE")]
    feedback: Vec<PathBuf>,
    /// See `--feedback`
    #[arg(long, value_name = "NUMBER", default_value_t = 20.0, value_parser = weight)]
    feedback_weight: f32,
    /// Fit an earlier model on to the records instead of making a new one: `default`, or a file. Its thresholds
    /// stay
    #[arg(long, value_name = "MODEL")]
    warm_start: Option<String>,
    /// Where the model goes; its card goes beside it, as `.md`
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The same seed and the same data give the same model, bit for bit
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    ensure!(args.output.extension().is_none_or(|it| it != "md"), "a model cannot have its card's name");
    let directory = args.output.parent().filter(|it| !it.as_os_str().is_empty());
    if let Some(directory) = directory {
        ensure!(directory.is_dir(), "there is no directory `{}` to write into", directory.display());
    }
    ensure!(
        !args.data.is_empty() || !args.feedback.is_empty(),
        "there is nothing to learn from: add `--feedback`"
    );
    let base = args.warm_start.as_deref().map(base_model).transpose()?;
    let mut corpus = Corpus::default();
    let mut manifest = Vec::new();
    for path in &args.data {
        manifest.push(read(path, &mut corpus, 1.0)?);
    }
    for path in &args.feedback {
        manifest.push(read(path, &mut corpus, args.feedback_weight)?);
    }
    let requests: Vec<&Request> = corpus.requests.iter().collect();
    let trained = match base {
        Some(base) => adapted(base.artifact(), &corpus, &requests, manifest, args.seed),
        None => trained(&corpus, &requests, manifest, args.seed)?,
    };
    let bytes = trained.artifact.to_bytes();
    let licences = licences(args.data.iter().chain(&args.feedback));
    let card =
        train::card(&corpus, &requests, &trained.log_odds, &trained.artifact, trained.is_adapted, &licences);
    write(&args.output, &bytes)?;
    write(&args.output.with_extension("md"), card.as_bytes())?;
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    eprintln!(
        "trained on {} with {} distinct values: {} ({} KiB, SHA-256 {hash})",
        output::plural(requests.len(), "request"),
        corpus.values.len(),
        args.output.display(),
        bytes.len() >> 10,
    );
    Ok(Outcome::Clean)
}

fn weight(text: &str) -> Result<f32, String> {
    let weight: f32 = text.parse().map_err(|_| format!("expected a number, found `{text}`"))?;
    if (1.0..=1_000.0).contains(&weight) { Ok(weight) } else { Err("must be 1 to 1000".to_owned()) }
}

fn base_model(name: &str) -> anyhow::Result<Arc<Model>> {
    if name == "default" {
        return Ok(Model::built_in());
    }
    let bytes = std::fs::read(name).with_context(|| format!("cannot read `{name}`"))?;
    Ok(Arc::new(Model::from_bytes(&bytes).with_context(|| format!("cannot read `{name}`"))?))
}

fn trained(
    corpus: &Corpus,
    requests: &[&Request],
    manifest: Vec<Source>,
    seed: u64,
) -> anyhow::Result<train::Trained> {
    let bar = progress::bar(1, "steps");
    let trained = train::train(corpus, requests, manifest, seed, &|done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    Ok(trained)
}

/// Says what became of the records: before, and after.
fn adapted(
    base: &Artifact,
    corpus: &Corpus,
    requests: &[&Request],
    sources: Vec<Source>,
    seed: u64,
) -> train::Trained {
    let trained = train::adapt(base, corpus, requests, sources, seed);
    let right = |artifact: &Artifact| {
        let model = Model::new(artifact.clone());
        let mut scorer = train::Scorer::new(corpus, &model);
        let mut is_hostile = |request| artifact.confidence(scorer.score(request)) >= Confidence::DECISIVE;
        requests.iter().filter(|request| is_hostile(request) == request.hostile).count()
    };
    let (before, after) = (right(base), right(&trained.artifact));
    eprintln!(
        "of {}, {before} were judged as labelled before, {after} are now",
        output::plural(requests.len(), "request")
    );
    trained
}

/// Adds a file's records to the corpus, and says what the file is.
fn read(path: &Path, corpus: &mut Corpus, weight: f32) -> anyhow::Result<Source> {
    let before = corpus.requests.len();
    let mut records = Records::open(path)?;
    let bar = progress::bar(0, "records");
    let mut unlabelled = 0;
    while let Some(item) = records.next()? {
        let record = item.record()?;
        unlabelled += usize::from(!corpus.add_weighted(&record, weight));
        bar.inc(1);
    }
    bar.finish_and_clear();
    source(path, &corpus.requests[before..], unlabelled)
}

/// What is stated about the licences of files, by their names.
fn licences<'p>(files: impl Iterator<Item = &'p PathBuf>) -> BTreeMap<String, String> {
    files.filter_map(|path| Some((name(path), licence::stated(path)?))).collect()
}

/// A file's name, without directories.
fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// What a file is, whose labelled records were added to a corpus.
pub(super) fn source(path: &Path, added: &[Request], unlabelled: usize) -> anyhow::Result<Source> {
    if added.is_empty() {
        bail!("there is no labelled record in `{}`", path.display());
    }
    if unlabelled > 0 {
        eprintln!("{}: {} without a label left out", path.display(), output::plural(unlabelled, "record"));
    }
    let hostile = added.iter().filter(|request| request.hostile).count();
    Ok(Source { file: name(path), sha256: sha256(path)?, ordinary: added.len() - hostile, hostile })
}

pub(super) fn sha256(path: &Path) -> anyhow::Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot open `{}`", path.display()))?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", path.display())),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes the whole file or nothing.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    let partial = PathBuf::from(name);
    std::fs::write(&partial, bytes)
        .and_then(|()| std::fs::rename(&partial, path))
        .with_context(|| format!("cannot write `{}`", path.display()))
}
