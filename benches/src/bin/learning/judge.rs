//! Who judges requests: a model by itself, and the default policy with it.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use engine::config::Flags;
use engine::{DecisionRecord, Disk, Evaluation, Outcome, Snapshot};
use model::profile::{Learner, Place, Profiles};
use model::{Extractor, Model, Scratch, View};
use train::corpus::each_view;
use transaction::Record;

use crate::folds::model_without;
use crate::traffic::Visit;

/// A model, and the default policy with it.
pub(crate) struct Judge {
    pub(crate) model: Model,
    pub(crate) scratch: Scratch,
    pub(crate) extractor: Extractor,
    snapshot: Snapshot,
    /// Learns while it lets all pass, as sites do before they let it stop anything.
    teacher: Arc<Snapshot>,
}

/// What is said of a request.
pub(crate) struct Judged {
    /// At medium, high and critical confidence: whether the model alone flags it.
    pub(crate) flagged: [bool; 3],
    /// What the policy makes of it.
    pub(crate) decision: DecisionRecord,
}

impl Judge {
    /// With the model that has not seen a part of the data.
    pub(crate) fn without(directory: &Path, fold: u64) -> Result<Self> {
        let file = std::path::absolute(model_without(directory, fold))?;
        let model = Model::from_bytes(&std::fs::read(&file)?)?;
        let model_file = file.to_string_lossy().into_owned();
        let in_mode = |mode: &str| {
            let flags =
                Flags { mode: Some(mode.to_owned()), model: Some(model_file.clone()), ..Flags::default() };
            let built = Snapshot::from_flags(&flags, &Disk, 0);
            Ok::<_, anyhow::Error>(built.map_err(|errors| anyhow!("{errors:?}"))?.0)
        };
        let (snapshot, teacher) = (in_mode("prevent")?, Arc::new(in_mode("detect")?));
        Ok(Self { model, scratch: Scratch::default(), extractor: Extractor::default(), snapshot, teacher })
    }

    /// Judges a request to a site of which this was learned.
    pub(crate) fn judge(&mut self, record: &Record, profiles: Option<&Arc<Profiles>>) -> Judged {
        let thresholds = self.model.artifact().header.thresholds;
        let levels = [thresholds.medium, thresholds.high, thresholds.critical];
        let snapshot = match profiles {
            Some(profiles) => self.snapshot.with_profiles(profiles.clone()),
            None => self.snapshot.clone(),
        };
        let evaluation = Evaluation::of_record(Arc::new(snapshot), record);
        let log_odds = self.log_odds(record, evaluation.site().as_bytes(), profiles.map(|it| &**it));
        let decision = evaluation.finish(Outcome::default());
        Judged { flagged: levels.map(|level| log_odds >= level), decision }
    }

    /// Has a request teach as one that the proxy lets pass does.
    pub(crate) fn teach(&self, learner: &mut Learner, record: &Record, when: &Visit) {
        let mut record = record.clone();
        record.connection.client_address = when.client;
        record.time_us = when.time_us;
        let evaluation = Evaluation::of_record(Arc::clone(&self.teacher), &record);
        if let (_, Some(lesson)) = evaluation.finish_with_lesson(Outcome::default())
            && lesson.is_whole()
        {
            lesson.teach(learner);
        }
    }

    /// The log-odds of a request's strangest view.
    fn log_odds(&mut self, record: &Record, site: &[u8], profiles: Option<&Profiles>) -> f32 {
        let Self { model, scratch, extractor, .. } = self;
        let target = &record.request.target;
        let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
        let place = profiles.map(|profiles| Place { profiles, site, path });
        let mut highest = f32::NEG_INFINITY;
        each_view(record, extractor, &mut |view: View<'_>| {
            let log_odds = match &place {
                Some(place) => model.log_odds_at(view, place, scratch).0,
                None => model.log_odds(view, scratch),
            };
            highest = highest.max(log_odds);
        });
        highest
    }
}
