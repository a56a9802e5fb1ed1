//! `score --learn-first`: each site's first requests teach, the others are judged.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::ensure;
use engine::Snapshot;
use model::profile::{Caps, State};
use transaction::Record;

use crate::input::{Item, Records};
use crate::teacher::Teacher;
use crate::{output, progress};

/// Data sets hold the traffic of many sites: a hundred times what a proxy keeps.
const CAPS: Caps = Caps {
    parameters_max: 1_000_000,
    site_parameters_max: 5_000,
    indicators_max: 512,
    all_indicators_max: 30_000_000,
};

/// A part of the whole, as an option takes it: above 0, below 1.
pub(super) fn fraction(text: &str) -> Result<f64, String> {
    let fraction: f64 = text.parse().map_err(|_| "expected a number, as 0.5".to_owned())?;
    if fraction > 0.0 && fraction < 1.0 {
        Ok(fraction)
    } else {
        Err("expected a number between 0 and 1".into())
    }
}

/// How many requests of each site are left that teach and are not judged.
#[derive(Default)]
pub(super) struct First(HashMap<Vec<u8>, usize>);

impl First {
    /// The first `fraction` of each site's requests.
    pub(super) fn of(files: &[PathBuf], fraction: f64) -> anyhow::Result<Self> {
        let mut counts: HashMap<Vec<u8>, usize> = HashMap::new();
        each(files, |record| *counts.entry(site(record)).or_default() += 1)?;
        counts.values_mut().for_each(|count| *count = (*count as f64 * fraction) as usize);
        Ok(Self(counts))
    }

    /// Those of the next records that are judged.
    pub(super) fn others(&mut self, batch: Vec<Item>) -> Vec<Item> {
        let judged = batch.into_iter().filter_map(|item| match item.parsed() {
            Ok(record) => (!self.has(&record)).then_some(Item::Record(record)),
            Err(error) => Some(Item::Unreadable(error)),
        });
        judged.collect()
    }

    /// Whether the next request is one of those.
    pub(super) fn has(&mut self, record: &Record) -> bool {
        match self.0.get_mut(&site(record)) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }
}

/// The snapshot with what the first `fraction` of each site's requests teaches.
pub(super) fn taught(
    snapshot: Arc<Snapshot>,
    files: &[PathBuf],
    fraction: f64,
) -> anyhow::Result<(Arc<Snapshot>, First)> {
    ensure!(
        files.iter().all(|file| file.as_os_str() != "-"),
        "`--learn-first` reads its input more than once: give files, not standard input"
    );
    let first = First::of(files, fraction)?;
    let mut left = First(first.0.clone());
    let mut teacher = Teacher::new(snapshot, State::default(), CAPS);
    let (mut seen, mut learned) = (0, 0);
    each(files, |record| {
        if left.has(record) {
            seen += 1;
            learned += usize::from(teacher.teach(record));
        }
    })?;
    let parameters = output::plural(teacher.state().len(), "parameter");
    eprintln!("learned {parameters} from {learned} of {}", output::plural(seen, "record"));
    Ok((teacher.taught(), first))
}

/// What is not a record is reported when it is judged.
fn each(files: &[PathBuf], mut with: impl FnMut(&Record)) -> anyhow::Result<()> {
    let bar = progress::bar(0, "records");
    for file in files {
        let mut records = Records::open(file)?;
        while let Some(item) = records.next()? {
            bar.inc(1);
            if let Ok(record) = item.record() {
                with(&record);
            }
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// The recorded site, else the host.
fn site(record: &Record) -> Vec<u8> {
    if record.site.is_empty() {
        record.request.headers.first(b"host").unwrap_or_default().to_vec()
    } else {
        record.site.clone().into_bytes()
    }
}
