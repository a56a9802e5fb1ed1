//! Stage 2: what the strangest window of a value is like, as a row of numbers.

use crate::keyword::Keywords;
use crate::ngram::Stage1;
use crate::{Location, keyword, lexical};

/// Features of one view (count).
pub const COUNT: usize = STAGE1.len() + LOCATIONS.len() + lexical::COUNT + keyword::COUNT;
/// Bytes before and after the strangest window that are looked at as well.
const MARGIN_BYTES: usize = 48;
/// Bytes that are looked at, at most: runs of spaces or digits make a window of normalised bytes longer.
const WINDOW_BYTES_MAX: usize = 256;

/// Names of the features that come from stage 1.
const STAGE1: [&str; 8] = [
    "stage1_best",
    "stage1_second",
    "stage1_mean",
    "stage1_above_1",
    "stage1_above_3",
    "stage1_below_0",
    "is_short",
    "log_windows",
];

/// Places whose values are written differently from others.
const LOCATIONS: [(&str, &[Location]); 4] = [
    ("in_header", &[Location::Header]),
    ("in_cookie", &[Location::Cookie]),
    ("in_path", &[Location::Path]),
    ("in_name", &[Location::QueryName, Location::BodyName]),
];

/// The names of all features, in order: what an artifact must agree with.
#[must_use]
pub fn names() -> Vec<String> {
    let stage1 = STAGE1.iter().map(|name| (*name).to_owned());
    let locations = LOCATIONS.iter().map(|(name, _)| (*name).to_owned());
    stage1.chain(locations).chain(lexical::names()).chain(keyword::names().map(str::to_owned)).collect()
}

/// Writes the features of a view whose value has the scores `stage1`; `out` is emptied first.
pub fn write(
    location: Location,
    value: &[u8],
    stage1: &Stage1,
    keywords: &Keywords,
    lowered: &mut Vec<u8>,
    out: &mut Vec<f32>,
) {
    out.clear();
    let best = stage1.best.score;
    let flag = |is: bool| f32::from(u8::from(is));
    out.extend([
        best,
        stage1.second,
        stage1.mean,
        (best - 1.0).max(0.0),
        (best - 3.0).max(0.0),
        (-best).max(0.0),
        flag(value.len() < 12),
        (stage1.windows as f32).ln_1p(),
    ]);
    out.extend(LOCATIONS.iter().map(|(_, those)| flag(those.contains(&location))));
    let window = around(value, stage1);
    lexical::write(window, out);
    lower(window, lowered);
    keywords.write(lowered, out);
}

/// A bit for each class of words that the strangest window of a value has.
pub(crate) fn classes(value: &[u8], stage1: &Stage1, keywords: &Keywords, lowered: &mut Vec<u8>) -> u64 {
    lower(around(value, stage1), lowered);
    keywords.classes(lowered)
}

fn lower(window: &[u8], lowered: &mut Vec<u8>) {
    lowered.clear();
    lowered.extend(window.iter().map(u8::to_ascii_lowercase));
}

/// The strangest window with its margins.
fn around<'v>(value: &'v [u8], stage1: &Stage1) -> &'v [u8] {
    let range = &stage1.best.range;
    let start = range.start.saturating_sub(MARGIN_BYTES);
    let end = value.len().min(range.end + MARGIN_BYTES).min(start + WINDOW_BYTES_MAX);
    value.get(start..end).unwrap_or_default()
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
            write(Location::Query, value, &stage1, &keywords, &mut lowered, &mut row);
            assert_eq!((row.len(), names().len()), (COUNT, COUNT));
        }
    }
}
