//! Stage 2, first half: what a window's bytes are like.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

/// Punctuation that is counted, byte by byte.
const MARKS: [u8; 31] = *b"!\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~";

/// Features that [`write()`] appends (count).
pub const COUNT: usize = MARKS.len() + NAMES.len();

/// Names of the features after the counts of [`MARKS`].
const NAMES: [&str; 19] = [
    "length",
    "entropy",
    "share_lower",
    "share_upper",
    "share_digit",
    "share_space",
    "share_mark",
    "share_foreign",
    "share_control",
    "distinct_marks",
    "longest_word",
    "longest_marks",
    "longest_repeat",
    "bracket_depth",
    "bracket_imbalance",
    "odd_single_quotes",
    "odd_double_quotes",
    "leading_quote",
    "case_changes",
];

/// The names of all features, in the order of [`write()`].
pub fn names() -> impl Iterator<Item = String> {
    let marks = MARKS.iter().map(|mark| format!("count_{}", char::from(*mark)));
    marks.chain(NAMES.iter().map(|name| (*name).to_owned()))
}

/// Appends the features of `window`.
pub fn write(window: &[u8], out: &mut Vec<f32>) {
    let mut counts = [0_u32; 256];
    for byte in window {
        counts[*byte as usize] += 1;
    }
    out.extend(MARKS.iter().map(|mark| log_count(counts[*mark as usize])));
    let length = window.len().max(1) as f32;
    let [lower, upper, digit, space, mark, foreign, control] = shares(&counts, length);
    let runs = Runs::of(window);
    let odd = |mark: u8| (counts[mark as usize] % 2) as f32;
    out.extend([
        length.ln(),
        entropy(&counts, length),
        lower,
        upper,
        digit,
        space,
        mark,
        foreign,
        control,
        log_count(MARKS.iter().filter(|mark| counts[**mark as usize] > 0).count() as u32),
        log_count(runs.word),
        log_count(runs.marks),
        log_count(runs.repeat),
        log_count(runs.depth),
        log_count(runs.imbalance),
        odd(b'\''),
        odd(b'"'),
        f32::from(u8::from(window.first().is_some_and(|byte| b"'\"`".contains(byte)))),
        log_count(runs.case_changes),
    ]);
}

/// Shares of lower-case and upper-case letters, digits, spaces, marks, bytes that are not ASCII, and control bytes.
fn shares(counts: &[u32; 256], length: f32) -> [f32; 7] {
    let sum = |bytes: RangeInclusive<u8>| -> u32 {
        counts[usize::from(*bytes.start())..=usize::from(*bytes.end())].iter().sum()
    };
    let (lower, upper, digit) = (sum(b'a'..=b'z'), sum(b'A'..=b'Z'), sum(b'0'..=b'9'));
    let marks = sum(b'!'..=b'~') - lower - upper - digit;
    let control = sum(0..=0x1f) + counts[0x7f];
    let all = [lower, upper, digit, counts[usize::from(b' ')], marks, sum(0x80..=0xff), control];
    all.map(|sum| sum as f32 / length)
}

fn log_count(count: u32) -> f32 {
    /// Most counts are small.
    static LOGARITHMS: LazyLock<[f32; 256]> =
        LazyLock::new(|| std::array::from_fn(|count| (count as f32).ln_1p()));
    LOGARITHMS.get(count as usize).copied().unwrap_or_else(|| (count as f32).ln_1p())
}

/// Shannon entropy of the bytes (bits).
fn entropy(counts: &[u32; 256], length: f32) -> f32 {
    // Many bytes are there equally often.
    let mut known = [None; 16];
    let mut part = |count: u32| {
        let part = || {
            let share = count as f32 / length;
            -share * share.log2()
        };
        known.get_mut(count as usize).map_or_else(part, |known| *known.get_or_insert_with(part))
    };
    // Most bytes are not there, and neighbours alike.
    let (eights, _) = counts.as_chunks::<8>();
    let there = eights.iter().filter(|eight| eight.iter().fold(0, |all, count| all | count) > 0).flatten();
    there.filter(|count| **count > 0).map(|count| part(*count)).sum()
}

/// What depends on the order of bytes.
#[derive(Default)]
struct Runs {
    word: u32,
    marks: u32,
    repeat: u32,
    depth: u32,
    imbalance: u32,
    case_changes: u32,
}

impl Runs {
    fn of(window: &[u8]) -> Self {
        let mut found = Self::default();
        let (mut word, mut marks, mut repeat, mut open, mut unopened) = (0, 0, 0, 0_u32, 0);
        let mut last = 0;
        for byte in window {
            word = if byte.is_ascii_alphanumeric() { word + 1 } else { 0 };
            marks = if byte.is_ascii_punctuation() { marks + 1 } else { 0 };
            repeat = if *byte == last { repeat + 1 } else { 0 };
            match byte {
                b'(' | b'[' | b'{' => open += 1,
                b')' | b']' | b'}' if open > 0 => open -= 1,
                b')' | b']' | b'}' => unopened += 1,
                _ => {}
            }
            let changed = last.is_ascii_lowercase() && byte.is_ascii_uppercase()
                || last.is_ascii_uppercase() && byte.is_ascii_lowercase();
            found.case_changes += u32::from(changed);
            found.word = found.word.max(word);
            found.marks = found.marks.max(marks);
            found.repeat = found.repeat.max(repeat);
            found.depth = found.depth.max(open);
            last = *byte;
        }
        found.imbalance = open + unopened;
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_as_many_as_it_names() {
        for window in [&b""[..], b"' or 1=1 -- (", &[0xff; 300]] {
            let mut features = Vec::new();
            write(window, &mut features);
            assert_eq!(features.len(), COUNT);
            assert!(features.iter().all(|feature| feature.is_finite()));
        }
        assert_eq!(names().count(), COUNT);
    }

    #[test]
    fn measures() {
        let mut features = Vec::new();
        write(b"'aa ((]", &mut features);
        let named: std::collections::BTreeMap<_, _> = names().zip(features).collect();
        for (name, value) in [
            ("count_(", 2_f32.ln_1p()),
            ("longest_word", 2_f32.ln_1p()),
            ("bracket_depth", 2_f32.ln_1p()),
            ("bracket_imbalance", 1_f32.ln_1p()),
            ("odd_single_quotes", 1.0),
            ("odd_double_quotes", 0.0),
            ("leading_quote", 1.0),
        ] {
            assert_eq!(named[name], value, "{name}");
        }
    }
}
