//! `eval`: how good a model, signatures and both together are, on labelled records.

mod read;
mod write;

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::ValueEnum;
use model::{Artifact, Model};
use train::evaluate::report::About;
use train::evaluate::{self, JudgedBy, Judgement, Split};

use crate::settings::Judging;
use crate::{Outcome, output, progress};
use read::Read;

/// What `eval` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Labelled records: JSON lines, plain, `.gz` or `.zst`
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    data: Vec<PathBuf>,
    #[command(flatten)]
    how: How,
    /// Rules: `builtin`, `crs:DIR` or a file; may be repeated [default: builtin]
    #[arg(long, value_name = "SOURCE")]
    rules: Vec<String>,
    /// Where the report goes, as one HTML file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Where report, figures (JSON) and pictures (SVG) go
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// What goes to standard output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The seed of training, with `--split` and `--leave-out`
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads; one a processor by default
    #[arg(long)]
    threads: Option<usize>,
}

/// Which model judges which records.
#[derive(clap::Args)]
#[group(multiple = false)]
struct How {
    /// The model that judges all records: `default` or a file that `train` wrote [default: default]
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Parts, by site and cluster; each is judged by a model trained on the others
    #[arg(long, value_name = "PARTS")]
    split: Option<u64>,
    /// A source to leave out of training and judge, or `each`; may be repeated
    #[arg(long, value_name = "SOURCE")]
    leave_out: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    write::check(args)?;
    let split = args.how.split();
    // A model that cannot be read should not be noticed after minutes.
    let artifact = if split.is_none() { Some(args.how.artifact()?) } else { None };
    let judging = Judging { rules: args.rules.clone(), model: Some("none".to_owned()), ..Judging::default() };
    let threads =
        args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1);
    let read = Read::all(&args.data, &judging.snapshot()?, split.as_ref(), threads)?;
    let mut about = about(args, &read);
    about.warnings.extend(artifact.as_ref().and_then(|artifact| in_sample(artifact, &read)));
    about.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    let (judgements, models) = judge(args, artifact, split, &read)?;
    let cases = evaluate::cases(&read.corpus, &read.origins, &judgements);
    let figures = evaluate::figures(&cases, models);
    write::all(args, &figures, &about)?;
    Ok(Outcome::Clean)
}

impl How {
    fn split(&self) -> Option<Split> {
        match self {
            Self { split: Some(parts), .. } => Some(Split::Folds(*parts)),
            Self { leave_out, .. } if leave_out.iter().any(|source| source == "each") => {
                Some(Split::EachSource)
            }
            Self { leave_out, .. } if !leave_out.is_empty() => Some(Split::Sources(leave_out.clone())),
            _ => None,
        }
    }

    /// The model that judges all records.
    fn artifact(&self) -> anyhow::Result<Artifact> {
        match &self.model {
            Some(path) if path.as_os_str() != "default" => artifact(path),
            _ => Ok(Model::built_in().artifact().clone()),
        }
    }

    /// How requests were held out, in a sentence.
    fn sentence(&self) -> String {
        match self.split() {
            Some(Split::Folds(parts)) => format!(
                "Held out by site and cluster, in {parts} parts: each part was judged by a model trained, with \
                 thresholds and calibration, on the others."
            ),
            Some(Split::Sources(_)) => {
                "Whole collections held out, one at a time: each was judged by a model trained on all others."
                    .to_owned()
            }
            Some(Split::EachSource) => "Each collection that was not recorded at sites held out in turn, and judged \
                                        by a model trained on all others. Where two are named together, one has \
                                        attacks alone and the other ordinary requests alone, and one model judged both."
                .to_owned(),
            None => "All records were judged by one model.".to_owned(),
        }
    }
}

fn judge(
    args: &Args,
    artifact: Option<Artifact>,
    split: Option<Split>,
    read: &Read,
) -> anyhow::Result<(Vec<Option<Judgement>>, Vec<JudgedBy>)> {
    let bar = progress::bar(1, "steps");
    let step = |done: usize, all: usize| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    };
    let judged = match (split, artifact) {
        (Some(split), _) => evaluate::held_out(&read.corpus, &split.parts(&read.corpus)?, args.seed, &step),
        (None, Some(artifact)) => Ok(evaluate::with_model(&read.corpus, artifact, &step)),
        (None, None) => Err(anyhow::anyhow!("there is no model to judge with")),
    };
    bar.finish_and_clear();
    judged
}

fn artifact(path: &Path) -> anyhow::Result<Artifact> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    ensure!(!bytes.is_empty(), "`{}` is empty: `portcullis train` writes models", path.display());
    Artifact::from_bytes(&bytes).with_context(|| format!("cannot use `{}`", path.display()))
}

fn about(args: &Args, read: &Read) -> About {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let rules = if args.rules.is_empty() { vec!["builtin".to_owned()] } else { args.rules.clone() };
    About {
        command: format!("portcullis {}", words.join(" ")),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        split: args.how.sentence(),
        rules,
        data: read.data.clone(),
        warnings: Vec::new(),
    }
}

/// A model knows the answers to what it was trained on.
fn in_sample(artifact: &Artifact, read: &Read) -> Option<String> {
    let trained_on = |sha256: &str| artifact.header.manifest.iter().any(|source| source.sha256 == sha256);
    let known: Vec<_> =
        read.data.iter().filter(|it| trained_on(&it.sha256)).map(|it| format!("`{}`", it.file)).collect();
    (!known.is_empty()).then(|| {
        format!(
            "IN-SAMPLE: the model was trained on {} of the {} ({}). The figures say how well it remembers, not how \
             well it does on what it has not seen: use `--split`.",
            known.len(),
            output::plural(read.data.len(), "file"),
            known.join(", "),
        )
    })
}
