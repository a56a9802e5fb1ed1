//! An evaluation as one HTML file, as text and as JSON.

mod html;
mod text;

use model::artifact::Source;
use serde::Serialize;

use super::Figures;

pub use html::html;
pub use text::text;

/// What was evaluated, and how.
#[derive(Clone, Debug, Default, Serialize)]
pub struct About {
    /// The command line.
    pub command: String,
    /// Version of the program.
    pub version: String,
    /// How requests were held out of training, in a sentence.
    pub split: String,
    /// The rules, as given.
    pub rules: Vec<String>,
    /// The files, with their hashes.
    pub data: Vec<Source>,
    /// What a reader must know before believing a figure.
    pub warnings: Vec<String>,
}

/// Everything that is written as JSON.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Report<'r> {
    /// What was evaluated, and how.
    pub about: &'r About,
    /// The figures.
    pub figures: &'r Figures,
}

/// A share in percent, with as many decimals as tell something.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        _ if percent.is_nan() => "-".to_owned(),
        _ if percent > 99.0 && percent < 100.0 || percent > 0.0 && percent < 1.0 => format!("{percent:.3}"),
        _ => format!("{percent:.2}"),
    }
}
