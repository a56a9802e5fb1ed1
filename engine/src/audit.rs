//! Audit records: what `SecAuditLog` and its like have written about a transaction.
//!
//! Like decision records they are made when a transaction is over, and what is sensitive is masked
//! ([`crate::record::mask`]) before there is a record. Of a long body the last segment is there, of a response body
//! what rules saw of it; what is not kept is left out (ModSecurity v3 reference, "SecAuditLogParts").

mod concurrent;
mod json;
mod native;
mod view;

use signatures::{AuditFormat, AuditType};

use crate::{Evaluation, Outcome};
pub use concurrent::AuditFile;
use view::View;

/// One audit record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// The file it is appended to, or its line in the index, as `SecAuditLog` names it.
    pub log: Option<Box<str>>,
    /// What is written, with its line end.
    pub text: String,
    /// The file that it is itself, where `SecAuditLogType` is `Concurrent`.
    pub file: Option<AuditFile>,
    /// `SecAuditLogFileMode`.
    pub file_mode: Option<u32>,
}

/// The audit records that the rule sources of a transaction's policy ask for: one of each source that logs it.
pub(crate) fn records(evaluation: &Evaluation, outcome: &Outcome) -> Vec<AuditRecord> {
    let wanted = evaluation.running().iter().filter_map(|running| {
        let ruleset = &running.rules.ruleset;
        let parts = running.state.audit(ruleset, outcome.status)?;
        let settings = &ruleset.settings.audit;
        let view = View::new(evaluation, running, parts, *outcome);
        let text = match settings.format {
            AuditFormat::Json => json::write(&view),
            AuditFormat::Native => native::write(&view),
        };
        let file = match settings.kind {
            AuditType::Serial => None,
            AuditType::Concurrent => Some(AuditFile::new(&view)?),
        };
        Some(AuditRecord { log: settings.log.clone(), text, file, file_mode: settings.file_mode })
    });
    wanted.collect()
}

#[cfg(test)]
mod tests;
