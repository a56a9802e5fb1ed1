//! `portcullis run`: the proxy, as configured.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use engine::config::Flags;
use engine::{Disk, Snapshot};
use proxy::{Loaded, Options, Source};
use serde_json::json;
use signatures::Diagnostic;

use crate::{Outcome, output, settings};

/// Arguments of `run`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The configuration; the other settings are for running without one
    #[arg(long, value_name = "FILE", conflicts_with_all =
        ["listen", "upstream", "mode", "rules", "model", "paranoia", "admin", "decisions", "learned", "learn"])]
    config: Option<PathBuf>,
    /// Where requests are accepted: `127.0.0.1:8080`, `:8080`
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The application: `127.0.0.1:3000`, with or without `http://`
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// `detect`, `prevent` or `off` [default: detect]
    #[arg(long)]
    mode: Option<String>,
    /// Rules: `builtin`, `crs:DIR` or a file; may be repeated [default: builtin]
    #[arg(long, value_name = "SOURCE")]
    rules: Vec<String>,
    /// The model: `default`, `none` or a file that `train` wrote [default: default]
    #[arg(long)]
    model: Option<String>,
    /// The paranoia level: 1 to 4 [default: 1]
    #[arg(long, value_name = "LEVEL")]
    paranoia: Option<u8>,
    /// The listener for metrics and health: `127.0.0.1:9913`
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
    /// What was learned of the sites: a file that `learn from` or an earlier `run --learn` wrote
    #[arg(long, value_name = "FILE")]
    learned: Option<String>,
    /// Go on learning from the requests that pass, into the file of `--learned`, which need not exist yet
    #[arg(long, requires = "learned")]
    learn: bool,
    /// Where decision records go: `stdout`, `none` or a file [default: stdout]
    #[arg(long, value_name = "FILE")]
    decisions: Option<String>,
    /// Worker threads [default: one a processor]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Do not load changed files by themselves; SIGHUP does
    #[arg(long)]
    no_watch: bool,
}

/// Runs the proxy until it is told to stop.
pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let source: Arc<dyn Source> = match &args.config {
        Some(path) => Arc::new(File { path: path.clone(), last: Last::default() }),
        None => Arc::new(Text::new(Flags::PATH, args.yaml()?)),
    };
    start_log();
    proxy::run(Options { source, threads: args.threads, watch: !args.no_watch })?;
    Ok(Outcome::Clean)
}

/// Messages of the running proxy go to standard error, with the time.
pub(crate) fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        tracing_subscriber::EnvFilter::new("info,notify=warn,pingora=error,pingora_core=error")
    });
    // Colours are for people; whoever collects the lines of a service or a container would find escapes in them.
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let log = tracing_subscriber::fmt().with_ansi(colours).with_env_filter(filter);
    // A second logger cannot be set; the first does as well.
    let _ = log.with_writer(std::io::stderr).try_init();
}

impl Args {
    /// The configuration these flags stand for.
    fn yaml(&self) -> anyhow::Result<String> {
        let (Some(_), Some(_)) = (&self.listen, &self.upstream) else {
            bail!("`--config FILE`, or both `--listen ADDR` and `--upstream URL` are needed");
        };
        let flags = Flags {
            listen: self.listen.clone(),
            upstream: self.upstream.clone(),
            mode: self.mode.clone(),
            rules: self.rules.clone(),
            model: self.model.clone(),
            paranoia: self.paranoia,
            decisions: self.decisions.clone(),
            learned: self.learned.clone(),
            learn: self.learn,
            ..Flags::default()
        };
        let mut yaml = flags.to_yaml();
        if let Some(address) = &self.admin {
            yaml.push_str(&format!("admin: {{ address: {} }}\n", json!(address)));
        }
        Ok(yaml)
    }
}

/// A configuration file, read anew at every reload.
struct File {
    path: PathBuf,
    last: Last,
}

/// What was loaded last: rules whose files did not change are taken from it.
#[derive(Default)]
struct Last(Mutex<Option<Arc<Snapshot>>>);

impl Source for File {
    fn load(&self) -> Result<Loaded, String> {
        let text = std::fs::read_to_string(&self.path)
            .with_context(|| format!("cannot read `{}`", self.path.display()))
            .map_err(|error| format!("{error:#}"))?;
        let mut loaded = self.last.load(&self.path.to_string_lossy(), &text)?;
        loaded.files.push(self.path.clone());
        Ok(loaded)
    }
}

/// A configuration that does not change; its rule files may.
pub(crate) struct Text {
    /// The name that diagnostics show.
    path: String,
    text: String,
    last: Last,
}

impl Text {
    pub(crate) fn new(path: &str, text: String) -> Self {
        Self { path: path.to_owned(), text, last: Last::default() }
    }
}

impl Source for Text {
    fn load(&self) -> Result<Loaded, String> {
        self.last.load(&self.path, &self.text)
    }
}

impl Last {
    fn load(&self, path: &str, text: &str) -> Result<Loaded, String> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let built = match &*last {
            Some(before) => before.rebuild(path, text, &Disk, settings::now_us()),
            None => Snapshot::build(path, text, &Disk, settings::now_us()),
        };
        let (snapshot, warnings) =
            built.map_err(|found| format!("{}\n{}", render(&found), output::count(&found)))?;
        let files = snapshot.files().map(PathBuf::from).collect();
        let snapshot = Arc::new(snapshot);
        *last = Some(snapshot.clone());
        Ok(Loaded { files, snapshot, warnings: render(&warnings) })
    }
}

fn render(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|diagnostic| diagnostic.render(false)).collect::<Vec<_>>().join("\n")
}
