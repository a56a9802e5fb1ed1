//! How good a model is, measured on requests it was not trained on.
//!
//! Requests are split by site and cluster ([`Split`]), each part is judged by a model trained on the others
//! ([`held_out`]), beside what signatures said ([`Signatures`]). What [`Case`]s there are then is counted
//! ([`figures`]), drawn ([`plot`]) and written down ([`report`]).

mod case;
mod curve;
mod decider;
mod excerpt;
mod figures;
mod histogram;
mod judge;
pub mod plot;
mod rate;
pub mod report;
mod split;
mod table;
mod worst;

pub use case::{Case, Origin, Signatures, cases};
pub use curve::{Curve, Point, Weighing};
pub use decider::{Decider, Fusion};
pub use figures::{Collections, Figures, Total, figures};
pub use histogram::{Bin, Reliability};
pub use judge::{JudgedBy, Judgement, held_out, with_model};
pub use rate::{Rate, Tally};
pub use split::{Part, Split};
pub use table::{Row, Table};
pub use worst::Worst;

#[cfg(test)]
mod tests;
