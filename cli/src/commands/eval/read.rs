//! Labelled records, and what signatures say about each.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::corroboration::ModelWord;
use engine::{Evaluation, Snapshot};
use indicatif::ProgressBar;
use model::artifact::Source;
use signatures::{Match, RuleSeverity};
use train::Corpus;
use train::evaluate::{Origin, Signatures, Split};
use transaction::Record;

use super::super::train::source;
use crate::input::{Item, Records};
use crate::{batch, progress};

/// What was read.
#[derive(Default)]
pub(super) struct Read {
    pub(super) corpus: Corpus,
    /// Of each request of the corpus.
    pub(super) origins: Vec<Origin>,
    /// The files.
    pub(super) data: Vec<Source>,
    sites: BTreeSet<Arc<str>>,
}

/// Who judges.
struct Judges<'j> {
    snapshot: &'j Arc<Snapshot>,
    split: Option<&'j Split>,
    threads: usize,
}

impl Read {
    /// Reads files; signatures judge what `split` has judged.
    pub(super) fn all(
        paths: &[PathBuf],
        snapshot: &Arc<Snapshot>,
        split: Option<&Split>,
        threads: usize,
    ) -> anyhow::Result<Self> {
        let judges = Judges { snapshot, split, threads };
        let bar = progress::bar(0, "records");
        let mut read = Self::default();
        for path in paths {
            read.file(path, &judges, &bar)?;
        }
        bar.finish_and_clear();
        Ok(read)
    }

    fn file(&mut self, path: &Path, judges: &Judges<'_>, bar: &ProgressBar) -> anyhow::Result<()> {
        let before = self.corpus.requests.len();
        let mut records = Records::open(path)?;
        let mut unlabelled = 0;
        loop {
            let batch = batch::read(&mut records, judges.threads)?;
            if batch.is_empty() {
                break;
            }
            bar.inc(batch.len() as u64);
            for judged in batch::each(batch, judges.threads, |item| judges.judge_one(item)) {
                let (record, signatures) = judged?;
                unlabelled += usize::from(!self.add(&record, signatures));
            }
        }
        self.data.push(source(path, &self.corpus.requests[before..], unlabelled)?);
        Ok(())
    }

    fn add(&mut self, record: &Record, signatures: Signatures) -> bool {
        let added = self.corpus.add(record);
        if added {
            let site = self.site(&record.site);
            self.origins.push(Origin { id: record.id.as_str().into(), site, signatures });
        }
        added
    }

    /// Few names for many requests.
    fn site(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.sites.get(name) {
            return known.clone();
        }
        let site: Arc<str> = name.into();
        self.sites.insert(site.clone());
        site
    }
}

impl Judges<'_> {
    fn judge_one(&self, item: Item) -> anyhow::Result<(Record, Signatures)> {
        let record = item.record()?;
        let signatures = if self.wants(&record) { self.signatures(&record) } else { Signatures::default() };
        Ok((record, signatures))
    }

    /// Whether the record will be judged; what is only trained on needs no verdict.
    fn wants(&self, record: &Record) -> bool {
        record.label.is_some()
            && match self.split {
                None | Some(Split::Folds(_)) => true,
                Some(Split::Sources(names)) => names.contains(&record.source),
                Some(Split::EachSource) => record.site.is_empty(),
            }
    }

    fn signatures(&self, record: &Record) -> Signatures {
        let evaluation = Evaluation::of_record(self.snapshot.clone(), record);
        let stopped = evaluation.verdict().is_blocked();
        let found = || evaluation.matches().filter(|found| found.log && !found.is_on_score());
        let rules: BTreeSet<u32> = found().map(|found| found.id.get()).collect();
        let severe = |found: &Match| found.severity.is_some_and(|it| it <= RuleSeverity::Critical);
        let stopping = || evaluation.matches().filter(|found| found.disruptive);
        // Without such a match something else stopped it (a limit): that waits for nobody.
        let word = stopping().map(ModelWord::of).min().unwrap_or_default();
        let sure = stopped && word == ModelWord::Unneeded;
        let seconded = stopped || word == ModelWord::Required;
        Signatures {
            stopped,
            seconded,
            sure,
            severe: found().any(severe),
            rules: rules.into_iter().collect(),
        }
    }
}
