//! Stage 2 is fitted by linfa's logistic regression, and by boosted trees to what that gets wrong ([`boost`]),
//! to scores of stage 1 that were made without the row's own group.

use std::collections::HashSet;

use anyhow::Context;
use linfa::Dataset;
use linfa::prelude::Fit;
use linfa_logistic::LogisticRegression;
use model::Location;
use model::keyword::Keywords;
use model::ngram::{self as scored, Table};
use model::stage2::{RUN_COUNT, WINDOW_COUNT, standardised, weighted};
use model::stretch::Stretch;
use model::trees::Trees;
use ndarray::{Array1, Array2};

use crate::corpus::{Corpus, Request, Value};
use crate::random::{Random, fingerprint};
use crate::stage1::Stage1;
use crate::{augment, boost, ordinary};

/// Strength of the L2 penalty.
const ALPHA: f64 = 10.0;

/// Of values that stage 1 does not pass on, one in so many is shown all the same, so that there are ordinary
/// rows whatever stage 1 thinks.
const BELOW_GATE: u32 = 64;

/// Attacks within ordinary text that are shown, of each fold (count).
const LONG_ROWS: usize = 6_000;

/// Rows made of one attack, at most (count): more of few attacks say nothing new.
const LONG_ROWS_EACH: usize = 10;

/// Steps of a fit, at most (count).
const ITERATIONS_MAX: u64 = 70;

/// What is taken off the score of a run (log-odds). A value has several runs and one strangest window, and what
/// stands around a window says more. Measured on a fifth of sites and clusters, at one false positive in 5,000:
/// with 1, attacks alone were found 99.0 % and within 200 bytes of text 96.8 %; with 2, 99.0 and 95.6; with 3, 99.0
/// and 94.3.
const HANDICAP: f32 = 1.5;

/// What a run scores when there are none to learn from.
const SILENT: f32 = -20.0;

/// Rows that one fit sees, at most (count): more change nothing that can be measured, and take longer.
const ROWS_MAX: usize = 40_000;

/// A row of features with its label.
#[derive(Clone, Debug)]
pub struct Row {
    features: Vec<f32>,
    is_run: bool,
    hostile: bool,
}

/// Fitted weights, first those of windows, then those of runs.
#[derive(Clone, Debug)]
pub struct Stage2 {
    /// The mean of each feature.
    pub means: Vec<f32>,
    /// One over its standard deviation.
    pub scales: Vec<f32>,
    /// The weight of each standardised feature.
    pub weights: Vec<f32>,
    /// What a window of means scores.
    pub bias: f32,
    /// What is added to the score of a window.
    pub window_trees: Trees,
    /// What is added to the score of a run.
    pub run_trees: Trees,
}

/// Writes rows.
struct Writer<'c> {
    corpus: &'c Corpus,
    table: Table,
    keywords: Keywords,
    lowered: Vec<u8>,
    row: Vec<f32>,
    rows: Vec<Row>,
}

/// The rows of some requests' values: of an attack the value with the highest score, of an ordinary request each.
#[must_use]
pub fn rows(corpus: &Corpus, requests: &[&Request], stage1: &Stage1) -> Vec<Row> {
    let mut writer = Writer::new(corpus, stage1);
    let mut seen = HashSet::new();
    for request in requests.iter().filter(|request| !request.hostile) {
        for index in corpus.values_of(request) {
            if seen.insert(*index) {
                writer.ordinary(*index, request.weight);
            }
        }
    }
    let mut attacks = Vec::new();
    for request in requests.iter().filter(|request| request.hostile) {
        let scored = corpus.payloads(request).map(|index| (writer.highest(index), index));
        let best = scored.max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, index)) = best
            && seen.insert(index)
        {
            attacks.push(index);
            writer.hostile(index, request.weight);
        }
    }
    writer.within_text(requests, &attacks);
    let mut rows = writer.rows;
    rows.extend(rows_of_samples(stage1));
    rows
}

/// Rows of [samples](ordinary::corpus), other ones than stage 1 has seen.
fn rows_of_samples(stage1: &Stage1) -> Vec<Row> {
    let samples = ordinary::corpus(fingerprint(b"rows of samples"));
    let mut writer = Writer::new(&samples, stage1);
    (0..samples.values.len() as u32).for_each(|index| writer.ordinary(index, 1.0));
    writer.rows
}

impl<'c> Writer<'c> {
    fn new(corpus: &'c Corpus, stage1: &Stage1) -> Self {
        let (keywords, table) = (Keywords::default(), stage1.table());
        Self { corpus, table, keywords, lowered: Vec::new(), row: Vec::new(), rows: Vec::new() }
    }

    fn highest(&mut self, index: u32) -> f32 {
        let value = &self.corpus.values[index as usize].bytes;
        let stage1 = self.table.score(value);
        Stretch::highest(value, &stage1, &mut self.table)
    }

    /// Every stretch of an ordinary value is ordinary.
    fn ordinary(&mut self, index: u32, weight: f32) {
        let Value { location, bytes } = &self.corpus.values[index as usize];
        let (stage1, mut stretches) = self.stretches(bytes);
        if stretches.is_empty() && index.is_multiple_of(BELOW_GATE) {
            stretches.push(Stretch::window(bytes, &stage1));
        }
        for stretch in stretches {
            self.write(*location, bytes, &stage1, &stretch, false, weight);
        }
    }

    /// Of an attack the strangest window is hostile, and the strongest run.
    fn hostile(&mut self, index: u32, weight: f32) {
        let Value { location, bytes } = &self.corpus.values[index as usize];
        let (stage1, stretches) = self.stretches(bytes);
        let (windows, runs): (Vec<_>, Vec<_>) = stretches.into_iter().partition(|it| !it.is_run());
        let run = runs.into_iter().max_by(|a, b| a.score.total_cmp(&b.score));
        for stretch in windows.iter().chain(&run) {
            self.write(*location, bytes, &stage1, stretch, true, weight);
        }
    }

    /// Attacks within ordinary text: the run that has the attack is hostile, the others are not.
    fn within_text(&mut self, requests: &[&Request], attacks: &[u32]) {
        let ordinary = requests.iter().filter(|request| !request.hostile);
        let mut ordinary: Vec<u32> =
            ordinary.flat_map(|request| self.corpus.values_of(request)).copied().collect();
        let ordinary = augment::text(self.corpus, &mut ordinary);
        let mut random = Random::new(fingerprint(b"long rows"));
        for _ in 0..LONG_ROWS.min(attacks.len() * LONG_ROWS_EACH) {
            let Some(attack) = random.pick(attacks) else { return };
            let attack = &self.corpus.values[*attack as usize].bytes;
            let (text, place) = augment::within(attack, &ordinary, &mut random);
            let (stage1, stretches) = self.stretches(&text);
            for stretch in stretches.iter().filter(|it| it.is_run()) {
                let shared =
                    stretch.range.end.min(place.end).saturating_sub(stretch.range.start.max(place.start));
                let hostile = 2 * shared >= place.len().min(stretch.range.len());
                if hostile || shared == 0 {
                    self.write(Location::Query, &text, &stage1, stretch, hostile, 1.0);
                }
            }
        }
    }

    fn stretches(&mut self, value: &[u8]) -> (scored::Stage1, Vec<Stretch>) {
        let stage1 = self.table.score(value);
        let mut stretches = Vec::new();
        Stretch::each(value, &stage1, &mut self.table, |stretch| stretches.push(stretch));
        (stage1, stretches)
    }

    fn write(
        &mut self,
        location: Location,
        value: &[u8],
        stage1: &scored::Stage1,
        stretch: &Stretch,
        hostile: bool,
        weight: f32,
    ) {
        let Self { keywords, lowered, row, rows, .. } = self;
        model::stage2::write(location, value, stage1, stretch, keywords, lowered, row);
        let row = Row { features: row.clone(), is_run: stretch.is_run(), hostile };
        // The fit knows no weights, so a request that counts for several is there as often.
        rows.extend(std::iter::repeat_n(row, (weight.round() as usize).max(1)));
    }
}

impl Stage2 {
    /// Fits weights and trees to rows.
    ///
    /// # Errors
    /// When there are no rows of windows, or the fit does not converge.
    pub fn fit<'r>(rows: impl Iterator<Item = &'r Row>) -> anyhow::Result<Self> {
        let (runs, windows): (Vec<&Row>, Vec<&Row>) = rows.partition(|row| row.is_run);
        let (of_windows, of_runs) = std::thread::scope(|scope| {
            let of_runs = scope.spawn(|| Head::of_runs(&runs));
            (Head::fit(&windows, WINDOW_COUNT), of_runs.join())
        });
        let of_runs = of_runs.map_err(|_| anyhow::anyhow!("fitting stage 2 failed"))??;
        let Head { mut means, mut scales, mut weights, bias, trees: window_trees } = of_windows?;
        means.extend(of_runs.means);
        scales.extend(of_runs.scales);
        weights.extend(of_runs.weights);
        // The first feature of a run is 1, as it is.
        (means[WINDOW_COUNT], scales[WINDOW_COUNT]) = (0.0, 1.0);
        weights[WINDOW_COUNT] = of_runs.bias - bias - HANDICAP;
        Ok(Self { means, scales, weights, bias, window_trees, run_trees: of_runs.trees })
    }
}

/// Weights and trees of one kind of stretch.
struct Head {
    means: Vec<f32>,
    scales: Vec<f32>,
    weights: Vec<f32>,
    bias: f32,
    trees: Trees,
}

impl Head {
    /// Weights of runs; without any rows of a class, runs say nothing.
    fn of_runs(rows: &[&Row]) -> anyhow::Result<Self> {
        if [true, false].iter().all(|class| rows.iter().any(|row| row.hostile == *class)) {
            return Self::fit(rows, RUN_COUNT);
        }
        let none = vec![0.0; RUN_COUNT];
        Ok(Self {
            means: none.clone(),
            scales: none.clone(),
            weights: none,
            bias: SILENT,
            trees: Trees::default(),
        })
    }

    fn fit(rows: &[&Row], columns: usize) -> anyhow::Result<Self> {
        let linear = Self::linear(rows, columns)?;
        let boosted = rows.iter().map(|row| {
            let start = linear.log_odds(&row.features);
            boost::Row { features: &row.features, hostile: row.hostile, start }
        });
        let trees = boost::fit(&boosted.collect::<Vec<_>>(), columns)?;
        let of_class = |hostile: bool| rows.iter().filter(|row| row.hostile == hostile).count();
        // How many rows there are of each class is chance: both kinds of stretches must mean the same by a score.
        let prior = (of_class(true) as f32 / of_class(false) as f32).ln();
        Ok(Self { bias: linear.bias - prior, trees, ..linear })
    }

    /// The logistic regression alone; its bias is that of the share of hostile rows.
    fn linear(rows: &[&Row], columns: usize) -> anyhow::Result<Self> {
        let count = rows.len().min(ROWS_MAX);
        let rows: Vec<&Row> = (0..count).map(|nth| rows[nth * rows.len() / count]).collect();
        let (means, scales) = moments(&rows, columns);
        let mut features = Array2::<f64>::zeros((rows.len(), columns));
        for (row, mut out) in rows.iter().zip(features.rows_mut()) {
            for (column, out) in out.iter_mut().enumerate() {
                *out = f64::from(standardised(row.features[column], means[column], scales[column]));
            }
        }
        let labels: Array1<bool> = rows.iter().map(|row| row.hostile).collect();
        let fitted = LogisticRegression::default()
            .alpha(ALPHA)
            .max_iterations(ITERATIONS_MAX)
            .gradient_tolerance(1e-3)
            .fit(&Dataset::new(features, labels))
            .context("stage 2 cannot be fitted")?;
        // linfa calls one of the two classes positive; here it is the hostile one.
        let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
        let weights = fitted.params().iter().map(|weight| (*weight * sign) as f32).collect();
        let bias = (fitted.intercept() * sign) as f32;
        Ok(Self { means, scales, weights, bias, trees: Trees::default() })
    }

    fn log_odds(&self, features: &[f32]) -> f32 {
        self.bias + weighted(features, &self.means, &self.scales, &self.weights)
    }
}

fn moments(rows: &[&Row], columns: usize) -> (Vec<f32>, Vec<f32>) {
    let count = rows.len().max(1) as f64;
    let (mut means, mut scales) = (Vec::new(), Vec::new());
    for column in 0..columns {
        let values = || rows.iter().map(|row| f64::from(row.features[column]));
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        means.push(mean as f32);
        scales.push(if variance > 1e-9 { variance.sqrt().recip() as f32 } else { 0.0 });
    }
    (means, scales)
}
