//! The whole recipe: from labelled requests to a model.
//!
//! Stage 2, thresholds and calibration must be fitted to scores as new sites and new attacks get them, so
//! the corpus is cut into [`FOLDS`] parts by site and cluster, and each part is scored by a model that was
//! fitted to the others. The model that is delivered is fitted to all.

use model::artifact::{Calibration, Header, Source, Thresholds};
use model::decode::Steps;
use model::{Artifact, Model, Scratch, View};

use crate::calibrate::{self, Keyed};
use crate::corpus::{Corpus, Request};
use crate::examples::{continue_stage1, fit_stage1};
use crate::random::{fingerprint, mix};
use crate::stage1::Stage1;
use crate::stage2::{Row, Stage2, rows};

/// Parts that a corpus is cut into for out-of-fold scores.
const FOLDS: usize = 3;

/// Bytes that values of one parameter must begin with alike to count as one (count).
const KEY_BYTES: usize = 16;

/// A trained model with what is known of it.
#[derive(Debug)]
pub struct Trained {
    /// The model.
    pub artifact: Artifact,
    /// Log-odds of each request it was trained on, in their order: out of fold, unless it is adapted.
    pub log_odds: Vec<f32>,
    /// Whether it is an earlier model that was fitted on.
    pub is_adapted: bool,
}

/// Says how far training is: steps done, steps in all.
pub type Progress<'p> = &'p (dyn Fn(usize, usize) + Sync);

/// Steps that [`train`] reports.
const STEPS: usize = FOLDS + 3;

/// Trains on `requests` of a corpus.
///
/// # Errors
/// When there are no attacks or no ordinary requests among them, or stage 2 cannot be fitted.
pub fn train(
    corpus: &Corpus,
    requests: &[&Request],
    manifest: Vec<Source>,
    seed: u64,
    progress: Progress<'_>,
) -> anyhow::Result<Trained> {
    let hostile = requests.iter().filter(|request| request.hostile).count();
    anyhow::ensure!(hostile > 0, "there is no attack among the records: nothing can be learned");
    anyhow::ensure!(hostile < requests.len(), "there is no ordinary request among the records");
    let folds: Vec<usize> =
        requests.iter().map(|request| (mix(request.group ^ seed) % FOLDS as u64) as usize).collect();
    let (whole, stages1) = fit_all(corpus, requests, &folds, seed, progress)?;
    let held = |fold: usize| part(requests, &folds, |it| it == fold);
    let rows: Vec<Vec<Row>> = (0..FOLDS).map(|fold| rows(corpus, &held(fold), &stages1[fold])).collect();
    progress(FOLDS + 1, STEPS);
    let stage2 = Stage2::fit(rows.iter().flatten())?;
    let mut scores = vec![(f32::NEG_INFINITY, 0); requests.len()];
    for (fold, stage1) in stages1.iter().enumerate() {
        let others = rows.iter().enumerate().filter(|(index, _)| *index != fold).flat_map(|(_, rows)| rows);
        let model = Model::new(artifact(stage1, &Stage2::fit(others)?, seed));
        let mut scorer = Scorer::new(corpus, &model);
        let of_fold = requests.iter().zip(&mut scores).zip(&folds).filter(|(_, it)| **it == fold);
        of_fold.for_each(|((request, keyed), _)| *keyed = scorer.keyed(request));
    }
    let log_odds: Vec<f32> = scores.iter().map(|(log_odds, _)| *log_odds).collect();
    progress(FOLDS + 2, STEPS);
    let mut artifact = artifact(&whole, &stage2, seed);
    let labelled: Vec<_> = requests.iter().zip(&log_odds).map(|(it, odds)| (it.hostile, *odds)).collect();
    artifact.header.thresholds = calibrate::thresholds(corpus, requests, &scores);
    artifact.header.calibration = calibrate::platt(&labelled);
    artifact.header.manifest = manifest;
    progress(STEPS, STEPS);
    Ok(Trained { artifact, log_odds, is_adapted: false })
}

/// Fits a model on to further requests: only the weights of n-grams change. How they are read (stage 2), the
/// thresholds and the calibration stay, because all of these rest on scores of requests that the n-grams had
/// not seen, and of the further requests there are none.
#[must_use]
pub fn adapt(
    base: &Artifact,
    corpus: &Corpus,
    requests: &[&Request],
    sources: Vec<Source>,
    seed: u64,
) -> Trained {
    let stage1 = continue_stage1(corpus, requests, Stage1::of(base), seed);
    let (weights, stage1_scale) = stage1.quantised();
    let mut adapted = Artifact { stage1: weights, ..base.clone() };
    adapted.header.stage1_scale = stage1_scale;
    adapted.header.manifest.extend(sources);
    adapted.header.seed = seed;
    let model = Model::new(adapted);
    let mut scorer = Scorer::new(corpus, &model);
    let log_odds = requests.iter().map(|request| scorer.score(request)).collect();
    Trained { artifact: model.artifact().clone(), log_odds, is_adapted: true }
}

/// Stage 1 fitted to all, and to all but each fold.
fn fit_all(
    corpus: &Corpus,
    requests: &[&Request],
    folds: &[usize],
    seed: u64,
    progress: Progress<'_>,
) -> anyhow::Result<(Stage1, Vec<Stage1>)> {
    let done = std::sync::atomic::AtomicUsize::new(0);
    let fit = |without: Option<usize>| {
        let chosen = part(requests, folds, |fold| Some(fold) != without);
        let fitted = fit_stage1(corpus, &chosen, mix(seed ^ without.map_or(0, |fold| fold as u64 + 1)));
        progress(done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1, STEPS);
        fitted
    };
    // Two threads: each fit is memory-bound, and two processors are what machines that train have at least.
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| [fit(None), fit(Some(0))]);
        let second = [fit(Some(1)), fit(Some(2))];
        (first.join(), second)
    });
    let [whole, zero] = first.map_err(|_| anyhow::anyhow!("fitting stage 1 failed"))?;
    let [one, two] = second;
    Ok((whole, vec![zero, one, two]))
}

fn part<'r>(requests: &[&'r Request], folds: &[usize], wanted: impl Fn(usize) -> bool) -> Vec<&'r Request> {
    requests.iter().zip(folds).filter(|(_, fold)| wanted(**fold)).map(|(request, _)| *request).collect()
}

fn artifact(stage1: &Stage1, stage2: &Stage2, seed: u64) -> Artifact {
    let (weights, stage1_scale) = stage1.quantised();
    let header = Header {
        format: model::artifact::VERSION,
        features: model::stage2::names(),
        stage1_scale,
        stage1_bias: stage1.bias,
        stage2_bias: stage2.bias,
        thresholds: Thresholds { medium: 0.0, high: 0.0, critical: 0.0 },
        calibration: Calibration { slope: 1.0, offset: 0.0 },
        manifest: Vec::new(),
        seed,
    };
    let Stage2 { means, scales, weights: of_stage2, window_trees, run_trees, .. } = stage2.clone();
    Artifact { header, stage1: weights, means, scales, weights: of_stage2, window_trees, run_trees }
}

/// Scores requests of a corpus; each distinct value once.
pub struct Scorer<'c> {
    corpus: &'c Corpus,
    model: &'c Model,
    scratch: Scratch,
    known: Vec<f32>,
}

impl<'c> Scorer<'c> {
    /// A scorer that has seen nothing yet.
    #[must_use]
    pub fn new(corpus: &'c Corpus, model: &'c Model) -> Self {
        Self { corpus, model, scratch: Scratch::default(), known: vec![f32::NAN; corpus.values.len()] }
    }

    /// The highest log-odds of a request's values.
    pub fn score(&mut self, request: &Request) -> f32 {
        self.highest(request).map_or(f32::NEG_INFINITY, |(log_odds, _)| log_odds)
    }

    /// The highest log-odds of a request's values, and what stands for the value that has them: its place and
    /// how it begins, at this site.
    pub fn keyed(&mut self, request: &Request) -> Keyed {
        let Some((log_odds, index)) = self.highest(request) else {
            return (f32::NEG_INFINITY, request.group);
        };
        let value = &self.corpus.values[index as usize];
        let start = &value.bytes[..value.bytes.len().min(KEY_BYTES)];
        (log_odds, mix(request.group ^ fingerprint(start) ^ value.location as u64))
    }

    fn highest(&mut self, request: &Request) -> Option<(f32, u32)> {
        let values = self.corpus.values_of(request).iter();
        let scored = values.map(|index| (self.value(*index), *index));
        scored.max_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// The log-odds of a value.
    pub fn value(&mut self, index: u32) -> f32 {
        let known = self.known[index as usize];
        if !known.is_nan() {
            return known;
        }
        let value = &self.corpus.values[index as usize];
        let view = View { location: value.location, name: b"", value: &value.bytes, steps: Steps::default() };
        let log_odds = self.model.log_odds(view, &mut self.scratch);
        self.known[index as usize] = log_odds;
        log_odds
    }
}
