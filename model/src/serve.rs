//! A model at work.

use transaction::{Body, Transaction};

use crate::artifact::{Artifact, ArtifactError};
use crate::extract::{Extractor, View};
use crate::keyword::Keywords;
use crate::ngram::{Stage1, Table};
use crate::{Confidence, Finding, ModelScore, Strangest, stage2};

/// Values whose stage-1 score is not above this are not looked at again: one in twelve ordinary values is.
pub const GATE: f32 = -1.5;
/// What is taken off the score of those, so that they come after all others.
const GATE_PENALTY: f32 = 10.0;
/// Standardised features are cut off here.
pub const CLIP: f32 = 8.0;

/// A trained model, ready to score. Immutable; what changes is in [`Scratch`].
#[derive(Debug)]
pub struct Model {
    artifact: Artifact,
    keywords: Keywords,
    hash: String,
}

/// What scoring needs to write to; one for each thread, reused.
#[derive(Debug, Default)]
pub struct Scratch {
    extractor: Extractor,
    /// The weights of stage 1 with marks, for the model of this hash.
    table: Option<(String, Table)>,
    buffers: Buffers,
}

#[derive(Debug, Default)]
struct Buffers {
    lowered: Vec<u8>,
    row: Vec<f32>,
}

impl Model {
    /// Reads a model.
    ///
    /// # Errors
    /// What [`Artifact::from_bytes`] says.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        Ok(Self::new(Artifact::from_bytes(bytes)?))
    }

    /// A model that was just trained.
    #[must_use]
    pub fn new(artifact: Artifact) -> Self {
        let bytes = artifact.to_bytes();
        // The checksum at the end of the file.
        let hash = bytes[bytes.len() - 32..].iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { artifact, keywords: Keywords::default(), hash }
    }

    /// What is known about it.
    #[must_use]
    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// SHA-256 of it, shortened to 16 hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Scores the values of a request's head, but for the views that are to be skipped.
    pub fn score_head(
        &self,
        transaction: &Transaction,
        scratch: &mut Scratch,
        strangest: &mut Strangest,
        skip: &dyn Fn(&View<'_>) -> bool,
    ) {
        self.each(scratch, strangest, skip, |extractor, visit| extractor.head(transaction, visit));
    }

    /// Scores the values of a body, or of one segment of it, but for the views that are to be skipped.
    pub fn score_body(
        &self,
        body: &Body,
        scratch: &mut Scratch,
        strangest: &mut Strangest,
        skip: &dyn Fn(&View<'_>) -> bool,
    ) {
        self.each(scratch, strangest, skip, |extractor, visit| extractor.body(body, visit));
    }

    /// Log-odds that a view is hostile.
    pub fn log_odds(&self, view: View<'_>, scratch: &mut Scratch) -> f32 {
        let Scratch { table, buffers, .. } = scratch;
        self.view(view, self.table(table), buffers).0
    }

    /// What log-odds mean.
    #[must_use]
    pub fn judge(&self, log_odds: f32) -> (ModelScore, Confidence) {
        let calibration = self.artifact.header.calibration;
        let score = crate::sigmoid(calibration.slope * log_odds + calibration.offset);
        (ModelScore(score), self.artifact.confidence(log_odds))
    }

    fn each(
        &self,
        scratch: &mut Scratch,
        strangest: &mut Strangest,
        skip: &dyn Fn(&View<'_>) -> bool,
        walk: impl FnOnce(&mut Extractor, &mut dyn FnMut(View<'_>)),
    ) {
        let Scratch { extractor, table, buffers } = scratch;
        let table = self.table(table);
        walk(extractor, &mut |view| {
            if skip(&view) {
                return;
            }
            let (log_odds, stage1) = self.view(view, table, buffers);
            strangest.take(log_odds, || {
                let window = stage1.best.range.clone();
                Finding::new(view, log_odds, window)
            });
        });
    }

    fn view(&self, view: View<'_>, table: &mut Table, buffers: &mut Buffers) -> (f32, Stage1) {
        let stage1 = table.score(view.value);
        if stage1.best.score <= GATE {
            return (stage1.best.score - GATE_PENALTY, stage1);
        }
        let Buffers { lowered, row } = buffers;
        stage2::write(view.location, view.value, &stage1, &self.keywords, lowered, row);
        (self.stage2(row), stage1)
    }

    fn stage2(&self, row: &[f32]) -> f32 {
        let Artifact { header, means, scales, weights, .. } = &self.artifact;
        let moments = means.iter().zip(scales);
        let parts = row.iter().zip(moments).zip(weights);
        let sum: f32 = parts
            .map(|((value, (mean, scale)), weight)| ((value - mean) * scale).clamp(-CLIP, CLIP) * weight)
            .sum();
        header.stage2_bias + sum
    }

    fn table<'s>(&self, slot: &'s mut Option<(String, Table)>) -> &'s mut Table {
        if slot.as_ref().is_none_or(|(hash, _)| *hash != self.hash) {
            *slot = None;
        }
        let Artifact { header, stage1, .. } = &self.artifact;
        let fresh = || (self.hash.clone(), Table::new(stage1, header.stage1_scale, header.stage1_bias));
        &mut slot.get_or_insert_with(fresh).1
    }
}
