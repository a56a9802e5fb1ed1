//! What is concluded: a deterministic evaluator from transaction to verdict.
//!
//! `(record, Snapshot) -> Verdict`, with no I/O and no clock. The inline proxy, `score`, `explain`, `test`
//! and the benches all call [`Evaluation`]; [`decide`](mod@decide) is the only reader of [`policy::Mode`].

mod address;
mod audit;
mod boundary;
mod disk;
mod evaluation;
mod habit;
mod host;
mod lesson;
mod limit;
mod snapshot;
mod telling;
mod verdict;

pub mod config;
pub mod convert;
pub mod corroboration;
pub mod decide;
pub mod ftw;
pub mod policy;
pub mod record;
pub mod tls;

pub use address::{AddressList, Admission, Country, Line, Standing, line as address_line};
pub use audit::{AuditFile, AuditRecord};
pub use config::Config;
pub use disk::Disk;
pub use evaluation::{Evaluation, Outcome, Plan, Request, Step};
pub use habit::Hit;
pub use lesson::Lesson;
pub use limit::{KeyPart, Quota, RateKey, RateLimit};
pub use record::DecisionRecord;
pub use snapshot::{CompiledPolicy, CompiledSource, LoadedRules, Selection, Snapshot, SnapshotHashes};
pub use verdict::{Evidence, Explanation, Refusal, Verdict};
