//! How strange a transaction is: the trained anomaly model.
//!
//! A request's values are taken out and decoded ([`extract`], [`decode`]); each view of each value is scored
//! in two stages. Stage 1 is linear over the byte n-grams of a window ([`ngram`]); where it sees anything at
//! all, stage 2 is a logistic regression over what the strangest stretches are like ([`stretch`], [`lexical`],
//! [`keyword`]), and boosted trees for what no sum of features says ([`trees`]).
//! The highest score of all views is the transaction's [`ModelScore`].

pub mod artifact;
mod built_in;
mod class;
pub mod decode;
pub mod extract;
mod finding;
pub mod keyword;
mod known;
pub mod lexical;
mod location;
pub mod ngram;
mod normal;
pub mod profile;
pub mod run;
mod score;
mod serve;
mod span;
pub mod stage2;
pub mod stretch;
mod table;
pub mod trees;

pub use artifact::{Artifact, ArtifactError};
pub use extract::{Extractor, View, Visit};
pub use finding::{Finding, Strangest};
pub use location::Location;
pub use score::{Confidence, ModelScore};
pub use serve::{GATE, Model, Scratch, Setting};
pub use span::Span;

/// The logistic function.
#[must_use]
pub fn sigmoid(log_odds: f32) -> f32 {
    1.0 / (1.0 + (-log_odds).exp())
}
