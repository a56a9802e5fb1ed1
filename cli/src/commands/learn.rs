//! `learn from|show|diff|merge|forget`: what was learned of sites.

mod change;
mod text;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use clap::ValueEnum;
use engine::policy::Glob;
use model::profile::{Caps, Key, Quorum, State, Summary};

use self::change::Change;
use super::train::write;
use crate::input::Records;
use crate::settings::Judging;
use crate::teacher::{Teacher, read_state};
use crate::{Outcome, output, progress};

/// What `learn` does.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Learn from recorded requests, but for those that are hostile
    From(From),
    /// Show what is known of each parameter
    Show(Show),
    /// Say what differs between two states; exit status 1 if anything does
    Diff(Diff),
    /// Make one state of several: what one would know that had seen all their traffic
    Merge(Merge),
    /// Forget parameters
    Forget(Forget),
}

/// How results are written.
#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    /// One object a line
    Json,
}

/// What `learn from` takes.
#[derive(clap::Args)]
pub(crate) struct From {
    /// Records: JSON lines (plain, `.gz` or `.zst`) or HAR; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where the state goes
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// `--learned` is the state to go on from
    #[command(flatten)]
    judging: Judging,
}

/// What `learn show` takes.
#[derive(clap::Args)]
pub(crate) struct Show {
    /// A learned state
    file: PathBuf,
    #[command(flatten)]
    selected: Selected,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Which parameters.
#[derive(clap::Args)]
struct Selected {
    /// Only those whose `SITE PATH LOCATION NAME` fits; `*` is any text, as in `shop /search * q`; may be
    /// repeated
    #[arg(long = "key", value_name = "GLOB")]
    keys: Vec<String>,
}

/// What `learn diff` takes.
#[derive(clap::Args)]
pub(crate) struct Diff {
    /// The state before
    before: PathBuf,
    /// The state after
    after: PathBuf,
    #[command(flatten)]
    selected: Selected,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What `learn merge` takes.
#[derive(clap::Args)]
pub(crate) struct Merge {
    /// Learned states
    #[arg(required = true, num_args = 2..)]
    files: Vec<PathBuf>,
    /// Where the result goes
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// What `learn forget` takes.
#[derive(clap::Args)]
pub(crate) struct Forget {
    /// A learned state
    file: PathBuf,
    /// Those whose `SITE PATH LOCATION NAME` fits; `*` is any text, as in `shop *`; may be repeated
    #[arg(long = "key", value_name = "GLOB", required = true)]
    keys: Vec<String>,
    /// Where the result goes, instead of into the file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<Outcome> {
    match command {
        Command::From(args) => from(args),
        Command::Show(args) => show(args),
        Command::Diff(args) => diff(args),
        Command::Merge(args) => merge(args),
        Command::Forget(args) => forget(args),
    }
}

fn from(args: &From) -> anyhow::Result<Outcome> {
    let state = args.judging.learned.as_deref().map(read_state).transpose()?.unwrap_or_default();
    let mut teacher = Teacher::new(args.judging.snapshot()?, state, Caps::default());
    let (mut seen, mut learned) = (0, 0);
    let bar = progress::bar(0, "records");
    for file in &args.files {
        let mut records = Records::open(file)?;
        while let Some(item) = records.next()? {
            seen += 1;
            learned += usize::from(teacher.teach(&item.record()?));
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    eprintln!("learned from {learned} of {}", output::plural(seen, "record"));
    save(&args.output, teacher.state())?;
    Ok(Outcome::Clean)
}

fn show(args: &Show) -> anyhow::Result<Outcome> {
    let (state, quorum) = (read_state(&args.file)?, Quorum::default());
    let keys = args.selected.keys();
    let mut out = output::stdout();
    let mut shown = 0;
    for (key, parameter) in state.iter().filter(|(key, _)| keys.select(key)) {
        let summary = Summary::new(key, parameter, &quorum, state.clients());
        match args.format {
            Format::Text => write!(out, "{}", text::Parameter(&summary))?,
            Format::Json => writeln!(out, "{}", serde_json::to_string(&summary)?)?,
        }
        shown += 1;
    }
    out.flush()?;
    eprintln!(
        "{} of {}; {} KiB in memory, hash {}",
        output::plural(shown, "parameter"),
        state.len(),
        state.bytes() >> 10,
        state.hash()
    );
    Ok(Outcome::Clean)
}

fn diff(args: &Diff) -> anyhow::Result<Outcome> {
    let (before, after) = (read_state(&args.before)?, read_state(&args.after)?);
    let keys = args.selected.keys();
    let mut changes = change::between(&before, &after, &Quorum::default());
    changes.retain(|change| keys.select(&change.key));
    let mut out = output::stdout();
    for Change { key, before, after } in &changes {
        match args.format {
            Format::Text => write!(out, "{}", text::Difference { key, before, after })?,
            Format::Json => {
                let line = serde_json::json!({ "key": key.to_string(), "before": before, "after": after });
                writeln!(out, "{line}")?;
            }
        }
    }
    out.flush()?;
    eprintln!("{} differ", output::plural(changes.len(), "parameter"));
    Ok(if changes.is_empty() { Outcome::Clean } else { Outcome::Findings })
}

fn merge(args: &Merge) -> anyhow::Result<Outcome> {
    let mut all = State::default();
    for file in &args.files {
        all.merge(&read_state(file)?);
    }
    let merged = all.len();
    all.trim(&Caps::default(), &Quorum::default());
    save(&args.output, &all)?;
    if all.len() < merged {
        eprintln!("{} did not fit and were left out", output::plural(merged - all.len(), "parameter"));
    }
    Ok(Outcome::Clean)
}

fn forget(args: &Forget) -> anyhow::Result<Outcome> {
    let mut state = read_state(&args.file)?;
    let keys = Keys::new(&args.keys);
    let forgotten = state.forget(|key| keys.select(key));
    ensure!(forgotten > 0, "no parameter in `{}` fits: `learn show` lists them", args.file.display());
    eprintln!("{} forgotten", output::plural(forgotten, "parameter"));
    save(args.output.as_ref().unwrap_or(&args.file), &state)?;
    Ok(Outcome::Clean)
}

fn save(path: &Path, state: &State) -> anyhow::Result<()> {
    write(path, &state.to_bytes())?;
    let size = output::plural(state.len(), "parameter");
    eprintln!("{}: {size}, hash {}", path.display(), state.hash());
    Ok(())
}

impl Selected {
    fn keys(&self) -> Keys {
        Keys::new(&self.keys)
    }
}

/// Patterns for keys; none selects all.
struct Keys(Vec<Glob>);

impl Keys {
    fn new(patterns: &[String]) -> Self {
        Self(patterns.iter().map(|pattern| Glob::exact(pattern)).collect())
    }

    fn select(&self, key: &Key) -> bool {
        let text = key.to_string();
        self.0.is_empty() || self.0.iter().any(|pattern| pattern.matches(text.as_bytes()))
    }
}
