//! The requests that benches run over.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::config::Flags;
use engine::{Disk, Snapshot};
use transaction::{Limits, Record, Transaction};

use crate::{first, records, thinned};

/// Requests of one kind.
pub struct Corpus {
    /// `ordinary` or `hostile`.
    pub name: &'static str,
    /// The requests.
    pub records: Vec<Record>,
    /// Query arguments of all of them: what parsing must find in every iteration.
    pub query_arguments: usize,
}

/// Requests taken of a large data set (count).
const SAMPLE: usize = 1_000;

impl Corpus {
    /// Legitimate browsing.
    #[must_use]
    pub fn ordinary() -> Self {
        Self::sample(false, SAMPLE)
    }

    /// Attacks.
    #[must_use]
    pub fn hostile() -> Self {
        Self::sample(true, SAMPLE)
    }

    /// So many requests of one kind, spread evenly over all.
    #[must_use]
    pub fn sample(hostile: bool, wanted: usize) -> Self {
        Self::load(hostile, |all| thinned(all, wanted))
    }

    /// The first requests of one kind, in the order in which they were recorded.
    #[must_use]
    pub fn first(hostile: bool, wanted: usize) -> Self {
        Self::load(hostile, |all| first(all, wanted))
    }

    fn load(hostile: bool, take: impl FnOnce(Vec<Record>) -> Vec<Record>) -> Self {
        let (name, shared) = if hostile {
            ("hostile", "wcp-malicious-dev.jsonl.zst")
        } else {
            ("ordinary", "wcp-legit-dev.jsonl.zst")
        };
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let large = root.join("../shared/data").join(shared);
        let own = root.join(format!("tests/corpus/{name}.jsonl"));
        let path = if large.exists() { large } else { own };
        let all = records(&path).and_then(Iterator::collect).expect("the corpus is readable");
        let records = take(all);
        let limits = Limits::default();
        let query_arguments = records.iter().map(|record| record.transaction(&limits).query.len()).sum();
        Self { name, records, query_arguments }
    }

    /// The values of all query arguments, decoded.
    #[must_use]
    pub fn query_values(&self) -> Vec<Vec<u8>> {
        let limits = Limits::default();
        let transactions = self.records.iter().map(|record| record.transaction(&limits));
        let values = |it: Transaction| it.query.iter().map(|field| field.value.to_vec()).collect::<Vec<_>>();
        transactions.flat_map(values).collect()
    }
}

/// Where the Core Rule Set is: a directory that `PORTCULLIS_CRS` names, the Go module, or Debian's package.
#[must_use]
pub fn crs_directory() -> Option<String> {
    let named = std::env::var_os("PORTCULLIS_CRS").map(PathBuf::from);
    let module = std::env::var_os("HOME").map(|home| Path::new(&home).join(CRS_MODULE));
    let places = [named, module, Some(PathBuf::from("/usr/share/modsecurity-crs"))];
    let found = places.into_iter().flatten().find(|directory| directory.is_dir());
    found.map(|directory| directory.display().to_string())
}

/// Where Go puts the module, in the home directory.
const CRS_MODULE: &str = "go/pkg/mod/github.com/corazawaf/coraza-coreruleset/v4@v4.25.0";

/// A policy in prevent mode with one rule source, as `--rules` spells it, and no model.
///
/// # Panics
/// When the rules do not load.
#[must_use]
pub fn snapshot(rules: &str) -> Arc<Snapshot> {
    snapshot_with(rules, "none")
}

/// The same with a model, as `--model` spells it.
///
/// # Panics
/// When rules or model do not load.
#[must_use]
pub fn snapshot_with(rules: &str, model: &str) -> Arc<Snapshot> {
    snapshot_at(rules, model, 1)
}

/// The same at a paranoia level.
///
/// # Panics
/// When rules or model do not load.
#[must_use]
pub fn snapshot_at(rules: &str, model: &str, paranoia: u8) -> Arc<Snapshot> {
    let flags = Flags {
        paranoia: Some(paranoia),
        mode: Some("prevent".into()),
        rules: vec![rules.into()],
        model: Some(model.into()),
        ..Flags::default()
    };
    let (snapshot, _warnings) = Snapshot::from_flags(&flags, &Disk, 0).expect("the rules load");
    snapshot.build_matchers();
    Arc::new(snapshot)
}
