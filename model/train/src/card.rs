//! The model card: what a model was made of and what it can do, to be read beside it.

use std::collections::BTreeMap;
use std::fmt::Write;

use model::Artifact;
use model::artifact::Source;

use crate::corpus::{Corpus, Request};
use crate::examples::VARIANTS;
use crate::interval::wilson;
use crate::ordinary;

/// What a family of requests comes to.
#[derive(Clone, Copy, Default)]
struct Counts {
    all: usize,
    /// At or above medium, high and critical.
    above: [usize; 3],
}

/// Writes the card of a trained model as Markdown. `log_odds` are one for each request, out of fold unless the
/// model is adapted, and `licences` what is stated about files, by their names.
#[must_use]
pub fn card(
    corpus: &Corpus,
    requests: &[&Request],
    log_odds: &[f32],
    artifact: &Artifact,
    is_adapted: bool,
    licences: &BTreeMap<String, String>,
) -> String {
    let mut text = String::from("# Model card\n\n");
    if is_adapted {
        text.push_str(ADAPTED);
    }
    // Writing to a string cannot fail.
    let _ = write_data(&mut text, artifact, licences);
    let _ = write_thresholds(&mut text, artifact);
    for (hostile, title) in [(true, "Attacks found"), (false, "Ordinary requests above the threshold")] {
        let counts = counts(corpus, requests, log_odds, artifact, hostile);
        let _ = write_table(&mut text, title, &counts);
    }
    text.push_str(LIMITS);
    text
}

fn write_data(
    text: &mut String,
    artifact: &Artifact,
    licences: &BTreeMap<String, String>,
) -> std::fmt::Result {
    let header = &artifact.header;
    writeln!(text, "Format {}, seed {}.\n\n## Training data\n", header.format, header.seed)?;
    writeln!(text, "| file | SHA-256 | ordinary | attacks |\n|---|---|---|---|")?;
    for source in &header.manifest {
        writeln!(
            text,
            "| {} | `{}` | {} | {} |",
            source.file, source.sha256, source.ordinary, source.hostile
        )?;
    }
    writeln!(text, "\n| file | source and licence, as stated beside it |\n|---|---|")?;
    for Source { file, .. } in &header.manifest {
        writeln!(text, "| {file} | {} |", licences.get(file).map_or("not stated", String::as_str))?;
    }
    writeln!(
        text,
        "\nOf no file: {VARIANTS} attacks made by changing those above, and {} ordinary drawings, scripts, pages and\n\
         events, which training makes itself.\n",
        ordinary::count()
    )
}

fn write_thresholds(text: &mut String, artifact: &Artifact) -> std::fmt::Result {
    let thresholds = artifact.header.thresholds;
    writeln!(
        text,
        "## Thresholds\n\n| confidence | log-odds | ordinary requests it aims at, out of fold |\n|---|---|---|"
    )?;
    let rates = crate::calibrate::FALSE_POSITIVE_RATES;
    for (name, odds, rate) in [
        ("medium", thresholds.medium, rates[0]),
        ("high", thresholds.high, rates[1]),
        ("critical", thresholds.critical, rates[2]),
    ] {
        writeln!(text, "| {name} | {odds:.3} | {:.2} % |", rate * 100.0)?;
    }
    writeln!(
        text,
        "\nFor critical, what one site sends again and again counts as the square root of its number. The shares\nreached are below.\n"
    )
}

fn counts(
    corpus: &Corpus,
    requests: &[&Request],
    log_odds: &[f32],
    artifact: &Artifact,
    hostile: bool,
) -> BTreeMap<(String, String), Counts> {
    let thresholds = artifact.header.thresholds;
    let mut counts: BTreeMap<_, Counts> = BTreeMap::new();
    for (request, odds) in requests.iter().zip(log_odds).filter(|(request, _)| request.hostile == hostile) {
        let key = (corpus.source(request).to_owned(), corpus.family(request).to_owned());
        let count = counts.entry(key).or_default();
        count.all += 1;
        for (above, threshold) in
            count.above.iter_mut().zip([thresholds.medium, thresholds.high, thresholds.critical])
        {
            *above += usize::from(*odds >= threshold);
        }
    }
    counts
}

fn write_table(
    text: &mut String,
    title: &str,
    counts: &BTreeMap<(String, String), Counts>,
) -> std::fmt::Result {
    writeln!(text, "## {title}\n\nWith 95 % intervals; out of fold, unless the model is adapted.\n")?;
    writeln!(text, "| source | family | requests | medium | high | critical |\n|---|---|---|---|---|---|")?;
    for ((source, family), count) in counts {
        write!(text, "| {source} | {family} | {} |", count.all)?;
        for above in count.above {
            let (low, high) = wilson(above, count.all);
            let share = above as f64 / count.all.max(1) as f64;
            write!(text, " {:.2} % ({:.2} to {:.2}) |", share * 100.0, low * 100.0, high * 100.0)?;
        }
        writeln!(text)?;
    }
    writeln!(text)
}

const ADAPTED: &str =
    "An earlier model that was fitted on to the last files below: its thresholds and calibration stay, and
the figures are those of requests that it was fitted to, not of others.

";

const LIMITS: &str = "## What it does not see

- Requests whose payload is a plain word or path (`id`, `/admin`): that is for rules.
- What rules know by name: unauthorised paths, default passwords, scanners by their User-Agent.
- Labels of some collections are noisy (`fwaf`, `fuzzdb`): lines that are no attack count as missed.
";
