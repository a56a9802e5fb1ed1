//! What models say about requests that they were not trained on.

use model::artifact::{Calibration, Thresholds};
use model::{Artifact, Confidence, Model};
use serde::Serialize;

use super::Part;
use crate::calibrate::probability;
use crate::corpus::{Corpus, Request};
use crate::fit::{Progress, Scorer, train};

/// What a model said about a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// Log-odds above the model's critical threshold: comparable between models, which log-odds are not.
    pub margin: f32,
    /// The calibrated probability that it is an attack.
    pub probability: f32,
    /// The confidence, by the model's own thresholds.
    pub confidence: Confidence,
    /// The value that was found strangest (index into [`Corpus::values`]).
    pub strangest: Option<u32>,
}

/// A model that judged some of the requests.
#[derive(Clone, Debug, Serialize)]
pub struct JudgedBy {
    /// What it was not trained on.
    pub held_out: String,
    /// Requests it was trained on; `None` when it came as a file.
    pub trained: Option<usize>,
    /// Requests it judged.
    pub judged: usize,
    /// Its thresholds.
    pub thresholds: Thresholds,
    /// Its calibration.
    pub calibration: Calibration,
}

/// Lets a model judge all requests.
#[must_use]
pub fn with_model(
    corpus: &Corpus,
    artifact: Artifact,
    progress: Progress<'_>,
) -> (Vec<Option<Judgement>>, Vec<JudgedBy>) {
    let mut judgements = vec![None; corpus.requests.len()];
    let all: Vec<usize> = (0..corpus.requests.len()).collect();
    let by = judge(corpus, artifact, "nothing".to_owned(), &all, &mut judgements);
    progress(1, 1);
    (judgements, vec![by])
}

/// Trains a model for each part, on all requests outside it, and lets it judge the part.
///
/// # Errors
/// When one of the models cannot be trained.
pub fn held_out(
    corpus: &Corpus,
    parts: &[Part],
    seed: u64,
    progress: Progress<'_>,
) -> anyhow::Result<(Vec<Option<Judgement>>, Vec<JudgedBy>)> {
    let mut judgements = vec![None; corpus.requests.len()];
    let mut by = Vec::new();
    for (nth, part) in parts.iter().enumerate() {
        let others = others(corpus, &part.held);
        let steps = |done: usize, all: usize| progress(nth * all + done, parts.len() * all);
        let trained = train(corpus, &others, Vec::new(), seed, &steps)?;
        let judged = judge(corpus, trained.artifact, part.name.clone(), &part.held, &mut judgements);
        by.push(JudgedBy { trained: Some(others.len()), ..judged });
    }
    Ok((judgements, by))
}

fn others<'c>(corpus: &'c Corpus, held: &[usize]) -> Vec<&'c Request> {
    let mut is_held = vec![false; corpus.requests.len()];
    held.iter().for_each(|index| is_held[*index] = true);
    corpus.requests.iter().zip(is_held).filter(|(_, held)| !held).map(|(request, _)| request).collect()
}

fn judge(
    corpus: &Corpus,
    artifact: Artifact,
    held_out: String,
    indices: &[usize],
    judgements: &mut [Option<Judgement>],
) -> JudgedBy {
    let model = Model::new(artifact);
    let mut scorer = Scorer::new(corpus, &model);
    for index in indices {
        judgements[*index] = Some(judgement(&model, &mut scorer, corpus, &corpus.requests[*index]));
    }
    let header = &model.artifact().header;
    let (thresholds, calibration) = (header.thresholds, header.calibration);
    JudgedBy { held_out, trained: None, judged: indices.len(), thresholds, calibration }
}

/// Less than any log-odds a model gives, and a number that plots and files can hold.
const LOWEST: f32 = -100.0;

fn judgement(model: &Model, scorer: &mut Scorer<'_>, corpus: &Corpus, request: &Request) -> Judgement {
    let values = corpus.values_of(request).iter().map(|index| (scorer.value(*index), *index));
    let strangest = values.max_by(|a, b| a.0.total_cmp(&b.0));
    let log_odds = strangest.map_or(LOWEST, |(log_odds, _)| log_odds.max(LOWEST));
    let header = &model.artifact().header;
    Judgement {
        margin: log_odds - header.thresholds.critical,
        probability: probability(header.calibration, log_odds),
        confidence: model.artifact().confidence(log_odds),
        strangest: strangest.map(|(_, index)| index),
    }
}
