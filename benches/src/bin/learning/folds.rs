//! The halves of the data, and a model for each.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use portcullis_benches::records;
use train::random::{fingerprint, mix};
use train::{Corpus, Request};

/// Parts that the data are cut into.
pub(crate) const FOLDS: u64 = 2;
/// The data sets.
const FILES: [&str; 4] = ["wcp-legit-dev", "wcp-malicious-dev", "attacks-extra-dev", "benign-extra-dev"];

/// Where a data set is.
pub(crate) fn data_set(data: &Path, name: &str) -> PathBuf {
    data.join(format!("{name}.jsonl.zst"))
}

/// The part that a group of requests (a site, a cluster) belongs to.
pub(crate) fn fold_of(group: u64) -> u64 {
    mix(group ^ fingerprint(b"learning")) % FOLDS
}

/// The model that has not seen a part.
pub(crate) fn model_without(directory: &Path, fold: u64) -> PathBuf {
    directory.join(format!("without-{fold}.bin"))
}

/// Trains a model for each part, on the others.
pub(crate) fn train_all(data: &Path, directory: &Path) -> Result<()> {
    let mut corpus = Corpus::default();
    for name in FILES {
        for record in records(&data_set(data, name))? {
            corpus.add(&record?);
        }
    }
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    for fold in 0..FOLDS {
        let others: Vec<&Request> = corpus.requests.iter().filter(|it| fold_of(it.group) != fold).collect();
        let trained = train::train(&corpus, &others, Vec::new(), 1, &|_, _| {})?;
        let path = model_without(directory, fold);
        std::fs::write(&path, trained.artifact.to_bytes())?;
        eprintln!("{}: trained on {} requests", path.display(), others.len());
    }
    Ok(())
}
