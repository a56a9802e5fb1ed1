//! What is concluded: a deterministic evaluator from transaction to verdict.
//!
//! `(record, Snapshot) -> Verdict`, with no I/O and no clock. The inline proxy, `score`, `explain`, `test`
//! and the benches all call [`Evaluation`]; [`decide`](mod@decide) is the only reader of [`policy::Mode`].

mod boundary;
mod evaluation;
mod record;
mod snapshot;
mod verdict;

pub mod decide;
pub mod ftw;
pub mod policy;

pub use evaluation::{Evaluation, Outcome, Plan, Request, Step};
pub use record::DecisionRecord;
pub use snapshot::{Selection, Snapshot};
pub use verdict::{Evidence, Explanation, Refusal, Verdict};
