//! How the anomaly model is trained and measured.

pub mod augment;
mod boost;
pub mod calibrate;
mod card;
pub mod corpus;
pub mod evaluate;
pub mod examples;
mod fit;
pub mod interval;
pub mod ordinary;
pub mod random;
pub mod stage1;
pub mod stage2;

pub use card::card;
pub use corpus::{Corpus, Request};
pub use fit::{Progress, Scorer, Trained, adapt, train};

#[cfg(test)]
mod tests;
