//! Labelled records, and what signatures say about each.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::bail;
use engine::corroboration::NEEDS_MODEL;
use engine::{Evaluation, Snapshot};
use indicatif::ProgressBar;
use model::artifact::Source;
use signatures::{Match, RuleSeverity};
use train::Corpus;
use train::evaluate::{Origin, Signatures, Split};
use transaction::Record;

use super::super::train::sha256;
use crate::input::{Item, Records};
use crate::{output, progress};

/// Records read before they are judged (count a thread): enough to keep threads busy, little to hold.
const BATCH: usize = 128;

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
            let batch = batch(&mut records, judges.threads * BATCH)?;
            if batch.is_empty() {
                break;
            }
            bar.inc(batch.len() as u64);
            for judged in judges.judge(batch) {
                let (record, signatures) = judged?;
                unlabelled += usize::from(!self.add(&record, signatures));
            }
        }
        let added = &self.corpus.requests[before..];
        if added.is_empty() {
            bail!("there is no labelled record in `{}`", path.display());
        }
        if unlabelled > 0 {
            eprintln!(
                "{}: {} without a label left out",
                path.display(),
                output::plural(unlabelled, "record")
            );
        }
        let hostile = added.iter().filter(|request| request.hostile).count();
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.data.push(Source { file, sha256: sha256(path)?, ordinary: added.len() - hostile, hostile });
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

fn batch(records: &mut Records, most: usize) -> anyhow::Result<Vec<Item>> {
    let mut batch = Vec::new();
    while batch.len() < most {
        match records.next()? {
            Some(item) => batch.push(item),
            None => break,
        }
    }
    Ok(batch)
}

impl Judges<'_> {
    /// Judges a batch on several threads; results are in the order of the batch.
    fn judge(&self, batch: Vec<Item>) -> Vec<anyhow::Result<(Record, Signatures)>> {
        let items: Vec<_> = batch.into_iter().map(|item| Mutex::new(Some(item))).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let position = next.fetch_add(1, Ordering::Relaxed);
                let Some(slot) = items.get(position) else { return done };
                let item = slot.lock().ok().and_then(|mut item| item.take());
                done.extend(item.map(|item| (position, self.judge_one(item))));
            }
        };
        let mut done: Vec<_> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads.min(items.len())).map(|_| scope.spawn(work)).collect();
            workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
        });
        done.sort_by_key(|(position, _)| *position);
        done.into_iter().map(|(_, result)| result).collect()
    }

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
        let waits = |found: &Match| found.tags.iter().any(|tag| tag == NEEDS_MODEL.as_bytes());
        let mut stopping = evaluation.matches().filter(|found| found.disruptive).peekable();
        // Without such a match something else stopped it (a limit): that waits for nobody.
        let sure = stopped && (stopping.peek().is_none() || !stopping.all(waits));
        Signatures { stopped, sure, severe: found().any(severe), rules: rules.into_iter().collect() }
    }
}
