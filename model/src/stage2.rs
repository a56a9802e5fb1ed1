//! Stage 2: what a stretch of a value is like, as a row of numbers.
//!
//! Stretches of both kinds are described alike, but each has weights of its own: around the strangest window
//! is the rest of the value, a run is cut out of text that says little about it.

use std::ops::Range;

use crate::keyword::Keywords;
use crate::lexical;
use crate::ngram::Stage1;
use crate::stretch::{MARGIN_BYTES, Part, Stretch};
use crate::{Location, keyword};

/// Features of a window (count).
pub const WINDOW_COUNT: usize = WINDOW.len() + SHARED_COUNT;
/// Features of a run (count).
pub const RUN_COUNT: usize = RUN.len() + SHARED_COUNT + lexical::COUNT;
/// Features of both (count).
pub const COUNT: usize = WINDOW_COUNT + RUN_COUNT;
/// Features that both have (count).
const SHARED_COUNT: usize = LOCATIONS.len() + lexical::COUNT + keyword::COUNT;

/// Names of the features of a window that come from stage 1.
const WINDOW: [&str; 8] = [
    "stage1_best",
    "stage1_second",
    "stage1_mean",
    "stage1_above_1",
    "stage1_above_3",
    "stage1_below_0",
    "is_short",
    "log_windows",
];

/// Names of the features of a run that come from stage 1. The first is 1: its weight is what a run scores more
/// than a window.
const RUN: [&str; 6] =
    ["run", "run_stage1", "run_sum", "run_stage1_above_1", "run_stage1_above_3", "run_is_short"];

/// Standardised features are cut off here.
const CLIP: f32 = 8.0;

/// Shorter stretches are short (bytes).
const SHORT_BYTES: usize = 12;

/// Places whose values are written differently from others.
const LOCATIONS: [(&str, &[Location]); 4] = [
    ("in_header", &[Location::Header]),
    ("in_cookie", &[Location::Cookie]),
    ("in_path", &[Location::Path]),
    ("in_name", &[Location::QueryName, Location::BodyName]),
];

/// The names of all features, in order, first those of windows: what an artifact must agree with.
#[must_use]
pub fn names() -> Vec<String> {
    let of_window = WINDOW.iter().map(|name| (*name).to_owned()).chain(shared_names());
    let of_run = RUN.iter().map(|name| (*name).to_owned());
    let of_run = of_run.chain(shared_names().map(|name| format!("run_{name}")));
    of_window.chain(of_run).chain(lexical::names().map(|name| format!("around_{name}"))).collect()
}

fn shared_names() -> impl Iterator<Item = String> {
    let locations = LOCATIONS.iter().map(|(name, _)| (*name).to_owned());
    locations.chain(lexical::names()).chain(keyword::names().map(str::to_owned))
}

/// Which of all features a row is of.
#[must_use]
pub fn columns(part: &Part) -> Range<usize> {
    match part {
        Part::Window => 0..WINDOW_COUNT,
        Part::Run(_) => WINDOW_COUNT..COUNT,
    }
}

/// Writes the features of a stretch of a value whose windows have the scores `stage1`; `out` is emptied first.
pub fn write(
    location: Location,
    value: &[u8],
    stage1: &Stage1,
    stretch: &Stretch,
    keywords: &Keywords,
    lowered: &mut Vec<u8>,
    out: &mut Vec<f32>,
) {
    out.clear();
    let score = stretch.score;
    let bytes = value.get(stretch.range.clone()).unwrap_or_default();
    match stretch.part {
        Part::Window => out.extend([
            score,
            stage1.second,
            stage1.mean,
            (score - 1.0).max(0.0),
            (score - 3.0).max(0.0),
            (-score).max(0.0),
            flag(value.len() < SHORT_BYTES),
            (stage1.windows as f32).ln_1p(),
        ]),
        Part::Run(sum) => out.extend([
            1.0,
            score,
            sum.sqrt(),
            (score - 1.0).max(0.0),
            (score - 3.0).max(0.0),
            flag(bytes.len() < SHORT_BYTES),
        ]),
    }
    out.extend(LOCATIONS.iter().map(|(_, those)| flag(those.contains(&location))));
    lexical::write(bytes, out);
    lower(bytes, lowered);
    keywords.write(lowered, out);
    if stretch.is_run() {
        around(value, &stretch.range, lowered);
        lexical::write(lowered, out);
    }
}

/// The sum of weighted features of a row, each standardised with its mean and one over its standard deviation.
#[must_use]
pub fn weighted(row: &[f32], means: &[f32], scales: &[f32], weights: &[f32]) -> f32 {
    let moments = means.iter().zip(scales);
    let parts = row.iter().zip(moments).zip(weights);
    parts.map(|((value, (mean, scale)), weight)| standardised(*value, *mean, *scale) * weight).sum()
}

/// A feature as weights are fitted to it.
#[must_use]
pub fn standardised(value: f32, mean: f32, scale: f32) -> f32 {
    ((value - mean) * scale).clamp(-CLIP, CLIP)
}

/// A bit for each class of words that the strangest window of a value has.
pub(crate) fn classes(value: &[u8], stage1: &Stage1, keywords: &Keywords, lowered: &mut Vec<u8>) -> u64 {
    let range = Stretch::window(value, stage1).range;
    lower(value.get(range).unwrap_or_default(), lowered);
    keywords.classes(lowered)
}

fn flag(is: bool) -> f32 {
    f32::from(u8::from(is))
}

fn lower(window: &[u8], lowered: &mut Vec<u8>) {
    lowered.clear();
    lowered.extend(window.iter().map(u8::to_ascii_lowercase));
}

/// What stands before and after a run.
fn around(value: &[u8], range: &Range<usize>, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(
        value.get(range.start.saturating_sub(MARGIN_BYTES)..range.start).unwrap_or_default(),
    );
    let end = value.len().min(range.end + MARGIN_BYTES);
    out.extend_from_slice(value.get(range.end..end).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ngram::{BUCKETS, Table};

    #[test]
    fn writes_as_many_as_it_names() {
        let keywords = Keywords::default();
        let mut table = Table::new(&vec![1; BUCKETS], 0.1, 0.0);
        let (mut lowered, mut row) = (Vec::new(), Vec::new());
        for value in [&b""[..], b"' or 1=1 -- ", &[b' '; 10_000]] {
            let stage1 = table.score(value);
            for part in [Part::Window, Part::Run(1.0)] {
                let stretch = Stretch { range: 0..value.len().min(9), score: 1.0, part };
                write(Location::Query, value, &stage1, &stretch, &keywords, &mut lowered, &mut row);
                assert_eq!((row.len(), names().len()), (columns(&stretch.part).len(), COUNT));
            }
        }
    }
}
