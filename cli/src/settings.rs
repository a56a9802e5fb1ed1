//! The flags that say how requests are judged, shared by `score`, `explain` and `test`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use engine::config::Flags;
use engine::{Disk, Snapshot};
use model::profile::{Profiles, Quorum};
use signatures::seclang::Source;

use crate::output;
use crate::teacher::read_state;

/// How requests are judged.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Judging {
    /// The configuration to judge by
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rules", "mode", "model", "paranoia"])]
    pub(crate) config: Option<PathBuf>,
    /// Rules: `builtin`, `crs:DIR` or a file; may be repeated [default: builtin]
    #[arg(long, value_name = "SOURCE")]
    pub(crate) rules: Vec<String>,
    /// `detect`, `prevent` or `off` [default: prevent]
    #[arg(long)]
    pub(crate) mode: Option<String>,
    /// The model: `default`, `none` or a file that `train` wrote [default: default]
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// The paranoia level: 1 to 4 [default: 1]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) paranoia: Option<u8>,
    /// What was learned of the sites: a file that `learn from` wrote
    #[arg(long, value_name = "FILE")]
    pub(crate) learned: Option<PathBuf>,
}

impl Judging {
    /// Builds the snapshot; diagnostics go to standard error.
    pub(crate) fn snapshot(&self) -> anyhow::Result<Arc<Snapshot>> {
        let now_us = now_us();
        let built = match &self.config {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read `{}`", path.display()))?;
                Snapshot::build(&path.to_string_lossy(), &text, &Disk, now_us)
            }
            None => Snapshot::from_flags(&self.flags(), &Disk, now_us),
        };
        match built {
            Ok((snapshot, warnings)) => {
                output::draw(&warnings);
                self.with_learned(snapshot)
            }
            Err(diagnostics) => {
                output::draw(&diagnostics);
                bail!("{}", output::count(&diagnostics));
            }
        }
    }

    fn with_learned(&self, snapshot: Snapshot) -> anyhow::Result<Arc<Snapshot>> {
        let Some(path) = &self.learned else { return Ok(Arc::new(snapshot)) };
        let profiles = Profiles::new(&read_state(path)?, &Quorum::default());
        Ok(Arc::new(snapshot.with_profiles(Arc::new(profiles))))
    }

    fn flags(&self) -> Flags {
        Flags {
            rules: self.rules.clone(),
            mode: Some(self.mode.clone().unwrap_or_else(|| "prevent".to_owned())),
            model: self.model.clone(),
            paranoia: self.paranoia,
            ..Flags::default()
        }
    }
}

/// The time (microseconds since the Unix epoch): asked once, at the edge.
pub(crate) fn now_us() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// The rule files that `builtin`, `crs:DIR` or a path means.
pub(crate) fn sources(text: &str) -> anyhow::Result<Vec<Source>> {
    engine::policy::Origin::parse(text).sources("", &Disk).map_err(anyhow::Error::msg)
}
