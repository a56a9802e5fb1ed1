//! A model at work.

use std::ops::Range;

use transaction::{Body, Transaction};

use crate::artifact::{Artifact, ArtifactError};
use crate::extract::{Extractor, View, Visit};
use crate::keyword::Keywords;
use crate::known::{Kind, Known, Seen};
use crate::ngram::{Stage1, Table};
use crate::profile::{Adjustment, Place};
use crate::stretch::{Part, Stretch};
use crate::{Confidence, Finding, ModelScore, Strangest, stage2, stretch};

/// Values whose stage-1 score is not above this are not looked at again: one in twelve ordinary values is.
pub const GATE: f32 = -1.5;
/// Values of a parameter that was always plain are looked at from here on.
const NOVEL_GATE: f32 = -2.0;
/// What is taken off the score of those, so that they come after all others.
const GATE_PENALTY: f32 = 10.0;

/// A trained model, ready to score. Immutable; what changes is in [`Scratch`].
#[derive(Debug)]
pub struct Model {
    artifact: Artifact,
    keywords: Keywords,
    hash: String,
}

/// What matters for a request's score beside its values.
#[derive(Clone, Copy, Default)]
pub struct Setting<'s> {
    /// Says which views are not scored.
    pub skip: Option<&'s dyn Fn(&View<'_>) -> bool>,
    /// What is known of its parameters.
    pub place: Option<Place<'s>>,
}

/// What is said of a view.
struct Scored {
    log_odds: f32,
    stage1: Stage1,
    /// The bytes of the view that say so.
    range: Range<usize>,
    adjustment: Option<Adjustment>,
}

/// What scoring needs to write to; one for each thread, reused.
#[derive(Debug, Default)]
pub struct Scratch {
    extractor: Extractor,
    /// What belongs to the model that scored last.
    loaded: Option<Loaded>,
    buffers: Buffers,
}

/// What a thread has of a model.
#[derive(Debug)]
struct Loaded {
    /// The model's.
    hash: String,
    /// The weights of stage 1 with marks.
    table: Table,
    /// What it looked at a moment ago.
    known: Known,
}

#[derive(Debug, Default)]
struct Buffers {
    lowered: Vec<u8>,
    row: Vec<f32>,
    key: Vec<u8>,
    weights: Vec<i16>,
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

    /// Scores the values of a request's head.
    pub fn score_head(
        &self,
        transaction: &Transaction,
        scratch: &mut Scratch,
        strangest: &mut Strangest,
        setting: &Setting<'_>,
    ) {
        self.each(scratch, strangest, setting, |extractor, visit| extractor.head(transaction, visit));
    }

    /// Scores the values of a body, or of one segment of it.
    pub fn score_body(
        &self,
        body: &Body,
        scratch: &mut Scratch,
        strangest: &mut Strangest,
        setting: &Setting<'_>,
    ) {
        self.each(scratch, strangest, setting, |extractor, visit| extractor.body(body, visit));
    }

    /// Log-odds that a view is hostile.
    pub fn log_odds(&self, view: View<'_>, scratch: &mut Scratch) -> f32 {
        let Scratch { loaded, buffers, .. } = scratch;
        self.view(view, None, &mut self.loaded(loaded).table, buffers).log_odds
    }

    /// Log-odds that a view is hostile, given what is known of its parameter, and what that changed.
    pub fn log_odds_at(
        &self,
        view: View<'_>,
        place: &Place<'_>,
        scratch: &mut Scratch,
    ) -> (f32, Option<Adjustment>) {
        let Scratch { loaded, buffers, .. } = scratch;
        let scored = self.view(view, Some(place), &mut self.loaded(loaded).table, buffers);
        (scored.log_odds, scored.adjustment)
    }

    /// Log-odds of a view, its stage 1, and the highest stage-1 score of its stretches.
    pub(crate) fn inspect(&self, view: View<'_>, scratch: &mut Scratch) -> (f32, Stage1, f32) {
        let Scratch { loaded, buffers, .. } = scratch;
        let table = &mut self.loaded(loaded).table;
        let scored = self.view(view, None, table, buffers);
        let highest = Stretch::highest(view.value, &scored.stage1, table);
        (scored.log_odds, scored.stage1, highest)
    }

    /// The stretches of a value that stage 2 looks at.
    pub(crate) fn stretches(&self, value: &[u8], stage1: &Stage1, scratch: &mut Scratch) -> Vec<Stretch> {
        let mut stretches = Vec::new();
        let table = &mut self.loaded(&mut scratch.loaded).table;
        Stretch::each(value, stage1, table, |stretch| stretches.push(stretch));
        stretches
    }

    /// A bit for each class of words that the strangest window of a value has.
    pub(crate) fn classes(&self, value: &[u8], stage1: &Stage1, scratch: &mut Scratch) -> u64 {
        stage2::classes(value, stage1, &self.keywords, &mut scratch.buffers.lowered)
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
        setting: &Setting<'_>,
        walk: impl FnOnce(&mut Extractor, &mut Looker<'_>),
    ) {
        let Scratch { extractor, loaded, buffers } = scratch;
        let Loaded { table, known, .. } = self.loaded(loaded);
        let mut looker = Looker {
            model: self,
            table,
            known,
            buffers,
            strangest,
            setting: *setting,
            whole: 0,
            ordinary: Some(f32::NEG_INFINITY),
        };
        walk(extractor, &mut looker);
    }

    fn view(
        &self,
        view: View<'_>,
        place: Option<&Place<'_>>,
        table: &mut Table,
        buffers: &mut Buffers,
    ) -> Scored {
        let stage1 = table.score(view.value);
        let range = stage1.best.range.clone();
        if is_ordinary(&stage1) {
            return Scored { log_odds: stage1.best.score - GATE_PENALTY, stage1, range, adjustment: None };
        }
        let effect = place.and_then(|it| it.effect(view.location, view.name, &mut buffers.key));
        let bonus = effect.map_or(0.0, |effect| effect.bonus);
        let (cold, range) = self.cold(&view, &stage1, bonus > 0.0, table, buffers);
        let habitual =
            effect.and_then(|effect| effect.rest(view.value, &stage1, table, &mut buffers.weights));
        let (log_odds, adjustment) = match habitual {
            Some(rest) => (rest - GATE_PENALTY, Some(Adjustment::Habitual { cold })),
            None if bonus > 0.0 => (cold + bonus, Some(Adjustment::Novel { bonus })),
            None => (cold, None),
        };
        Scored { log_odds, stage1, range, adjustment }
    }

    /// The highest log-odds of a view's stretches, whatever its parameter is like, and where they are.
    fn cold(
        &self,
        view: &View<'_>,
        stage1: &Stage1,
        is_novel: bool,
        table: &mut Table,
        buffers: &mut Buffers,
    ) -> (f32, Range<usize>) {
        let Buffers { lowered, row, .. } = buffers;
        let mut log_odds = |stretch: &Stretch| {
            stage2::write(view.location, view.value, stage1, stretch, &self.keywords, lowered, row);
            self.stage2(row, &stretch.part)
        };
        let mut found = (stage1.best.score - GATE_PENALTY, stage1.best.range.clone());
        if is_novel && stage1.best.score <= GATE {
            found.0 = log_odds(&Stretch::window(view.value, stage1));
        }
        Stretch::each(view.value, stage1, table, |stretch| {
            let log_odds = log_odds(&stretch);
            if log_odds > found.0 {
                let range = if stretch.is_run() { stretch.range } else { stage1.best.range.clone() };
                found = (log_odds, range);
            }
        });
        found
    }

    fn stage2(&self, row: &[f32], part: &Part) -> f32 {
        let Artifact { header, means, scales, weights, window_trees, run_trees, .. } = &self.artifact;
        let first = stage2::columns(part).start;
        let [means, scales, weights] = [means, scales, weights].map(|it| it.get(first..).unwrap_or_default());
        let sum = stage2::weighted(row, means, scales, weights);
        let trees = if matches!(part, Part::Window) { window_trees } else { run_trees };
        header.stage2_bias + sum + trees.score(row)
    }

    fn loaded<'s>(&self, slot: &'s mut Option<Loaded>) -> &'s mut Loaded {
        if slot.as_ref().is_none_or(|loaded| loaded.hash != self.hash) {
            *slot = None;
        }
        slot.get_or_insert_with(|| Loaded {
            hash: self.hash.clone(),
            table: self.table(),
            known: Known::default(),
        })
    }

    pub(crate) fn table(&self) -> Table {
        let Artifact { header, stage1, .. } = &self.artifact;
        Table::new(stage1, header.stage1_scale, header.stage1_bias)
    }
}

/// Whether stage 2 need not look at a value, whatever its parameter is like.
fn is_ordinary(stage1: &Stage1) -> bool {
    stage1.best.score <= NOVEL_GATE && !stretch::has_runs(stage1)
}

/// Looks at the views of one head or body.
struct Looker<'l> {
    model: &'l Model,
    table: &'l mut Table,
    known: &'l mut Known,
    buffers: &'l mut Buffers,
    strangest: &'l mut Strangest,
    setting: Setting<'l>,
    /// The length of the value whose views are shown (bytes).
    whole: usize,
    /// The highest log-odds of the value's views so far, as long as these depend on its bytes alone.
    ordinary: Option<f32>,
}

impl Looker<'_> {
    /// Takes what was said of a view before.
    fn take_seen(&mut self, view: View<'_>, Seen { log_odds, range }: &Seen) {
        self.strangest.take(*log_odds, None, |log_odds| Finding::new(view, log_odds, None, range.clone()));
    }

    /// What was said of a view before. How strange one is that was not ordinary depends on its parameter as well, if
    /// anything is known of that.
    fn seen(&mut self, view: &View<'_>, is_part: bool) -> Option<Seen> {
        if is_part && let Some(ordinary) = self.known.get(view.value, Kind::View) {
            self.ordinary = self.ordinary.map(|highest| highest.max(ordinary.log_odds));
            return Some(ordinary);
        }
        let strange = self.known.get(view.value, Kind::Strange(view.location))?;
        let place = self.setting.place.as_ref();
        if place.is_some_and(|it| it.effect(view.location, view.name, &mut self.buffers.key).is_some()) {
            return None;
        }
        self.ordinary = None;
        Some(strange)
    }

    fn skips(&self, view: &View<'_>) -> bool {
        self.setting.skip.is_some_and(|skip| skip(view))
    }
}

impl Visit for Looker<'_> {
    fn view(&mut self, view: View<'_>) {
        if self.skips(&view) {
            self.ordinary = None;
            return;
        }
        let is_part = view.value.len() != self.whole || !view.steps.is_empty();
        if let Some(seen) = self.seen(&view, is_part) {
            self.take_seen(view, &seen);
            return;
        }
        let Scored { log_odds, stage1, range, adjustment } =
            self.model.view(view, self.setting.place.as_ref(), self.table, self.buffers);
        let is_ordinary = is_ordinary(&stage1);
        // Of a whole value that is ordinary, more is kept at its end.
        let kind = if is_ordinary { Kind::View } else { Kind::Strange(view.location) };
        if adjustment.is_none() && (is_part || !is_ordinary) {
            self.known.keep(view.value, kind, Seen { log_odds, range: range.clone() });
        }
        self.ordinary = self.ordinary.filter(|_| is_ordinary).map(|highest| highest.max(log_odds));
        self.strangest
            .take(log_odds, adjustment, |log_odds| Finding::new(view, log_odds, adjustment, range.clone()));
    }

    fn knows(&mut self, value: View<'_>, is_encoded: bool) -> bool {
        self.whole = value.value.len();
        self.ordinary = Some(f32::NEG_INFINITY);
        let Some(seen) = self.known.get(value.value, kind(is_encoded)) else { return false };
        if seen.log_odds.is_finite() && !self.skips(&value) {
            self.take_seen(value, &seen);
        }
        true
    }

    fn end(&mut self, value: &[u8], is_encoded: bool) {
        if let Some(log_odds) = self.ordinary {
            self.known.keep(value, kind(is_encoded), Seen { log_odds, range: 0..value.len() });
        }
    }
}

fn kind(is_encoded: bool) -> Kind {
    if is_encoded { Kind::Encoded } else { Kind::Decoded }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A request with a header of each value.
    fn transaction(values: &[String]) -> Transaction {
        let mut record = transaction::Record::default();
        record.request.target = b"/".to_vec();
        record.request.headers = values.iter().map(|value| ("x-value", value.as_str())).collect();
        record.transaction(&transaction::Limits::default())
    }

    proptest! {
        #[test]
        fn what_came_before_does_not_matter(
            values in prop::collection::vec("(Mozilla/5.0 \\(X11; Linux|a=%27+or+1=1;|[ -~]{0,30}){1,3}", 1..8),
            order in prop::collection::vec(any::<prop::sample::Index>(), 1..20),
        ) {
            let model = Model::built_in();
            let mut used = Scratch::default();
            for index in order {
                let transaction = transaction(&[index.get(&values).clone()]);
                let found = [&mut used, &mut Scratch::default()].map(|scratch| {
                    let mut strangest = Strangest::above(0.0);
                    model.score_head(&transaction, scratch, &mut strangest, &Setting::default());
                    (strangest.log_odds(), strangest.findings().to_vec())
                });
                prop_assert_eq!(&found[0], &found[1]);
            }
        }
    }
}
