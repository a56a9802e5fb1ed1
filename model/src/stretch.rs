//! What of a value stage 2 looks at: the strangest window with what stands around it, and in a value longer than
//! that the runs that speak most for an attack, as if each were a value by itself.

use std::ops::Range;

use crate::GATE;
use crate::ngram::{Stage1, Table};
use crate::run::Run;

/// Bytes before and after a window or run that are looked at as well.
pub(crate) const MARGIN_BYTES: usize = 48;
/// Bytes that are looked at, at most: runs of spaces or digits make a window of normalised bytes longer.
const WINDOW_BYTES_MAX: usize = 256;
/// Runs within a value whose stage-1 score is not above this are not looked at.
const RUN_GATE: f32 = 0.0;
/// Bytes of a word that a run is extended by, at most.
const WORD_BYTES_MAX: usize = 16;

/// A part of a value that stage 2 looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// The bytes of the value it covers.
    pub range: Range<usize>,
    /// Its stage-1 score.
    pub score: f32,
    /// What part of the value it is.
    pub part: Part,
}

/// What part of a value a stretch is.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// All of it, or the strangest window.
    Window,
    /// A run with this sum of weights, within a longer value.
    Run(f32),
}

impl Stretch {
    /// Whether it is a run within a longer value.
    #[must_use]
    pub fn is_run(&self) -> bool {
        self.part != Part::Window
    }

    /// A value around its strangest window.
    #[must_use]
    pub fn window(value: &[u8], stage1: &Stage1) -> Self {
        let range = &stage1.best.range;
        let start = range.start.saturating_sub(MARGIN_BYTES);
        let end = value.len().min(range.end + MARGIN_BYTES).min(start + WINDOW_BYTES_MAX);
        Self { range: start.min(end)..end, score: stage1.best.score, part: Part::Window }
    }

    /// A run with the words that it begins and ends in.
    fn run(run: &Run, value: &[u8], table: &mut Table) -> Self {
        let is_word = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        let (head, tail) = (&value[..run.range.start], &value[run.range.end..]);
        let before = head.iter().rev().take(WORD_BYTES_MAX).take_while(is_word).count();
        let after = tail.iter().take(WORD_BYTES_MAX).take_while(is_word).count();
        let range = run.range.start - before..run.range.end + after;
        Self { score: table.window_of(&value[range.clone()]), range, part: Part::Run(run.sum) }
    }

    /// Shows all stretches of a value that stage 2 looks at: those that stage 1 sees anything in.
    pub fn each(value: &[u8], stage1: &Stage1, table: &mut Table, mut each: impl FnMut(Self)) {
        let window = Self::window(value, stage1);
        if window.score > GATE {
            each(window);
        }
        for run in runs(stage1) {
            let stretch = Self::run(run, value, table);
            if stretch.score > RUN_GATE {
                each(stretch);
            }
        }
    }

    /// The highest stage-1 score of what [`Stretch::each`] may show.
    #[must_use]
    pub fn highest(value: &[u8], stage1: &Stage1, table: &mut Table) -> f32 {
        let runs = runs(stage1).map(|run| Self::run(run, value, table).score);
        runs.fold(stage1.best.score, f32::max)
    }
}

/// Whether any run of a value may be looked at.
pub(crate) fn has_runs(stage1: &Stage1) -> bool {
    runs(stage1).next().is_some()
}

/// A value of one window is looked at as a whole.
fn runs(stage1: &Stage1) -> impl Iterator<Item = &Run> {
    let runs = if stage1.windows > 1 { stage1.runs.as_slice() } else { &[] };
    runs.iter().flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Model;

    proptest! {
        #[test]
        fn lies_within_the_value(value in prop::collection::vec(any::<u8>(), 0..600)) {
            let mut table = Model::built_in().table();
            let stage1 = table.score(&value);
            Stretch::each(&value, &stage1, &mut table, |stretch| {
                assert!(value.get(stretch.range).is_some());
            });
        }
    }

    #[test]
    fn finds_an_attack_in_text() {
        let mut table = Model::built_in().table();
        for (attack, core) in [
            ("<script>alert(1)</script>", "<script>alert(1)"),
            ("' UNION SELECT password FROM users -- ", "UNION SELECT"),
            ("../../../etc/passwd", "../../etc/passwd"),
        ] {
            let text = "the quick brown fox jumps over the lazy dog ".repeat(20);
            let value = format!("{text}{attack} {text}");
            let stage1 = table.score(value.as_bytes());
            let mut found = Vec::new();
            Stretch::each(value.as_bytes(), &stage1, &mut table, |stretch| {
                if stretch.is_run() {
                    found.push(value[stretch.range].to_owned());
                }
            });
            assert!(found.iter().any(|it| it.contains(core)), "{attack}: {found:?}");
        }
    }
}
