//! Audit records: what `SecAuditLog` and its like have written about a transaction.
//!
//! Like decision records they are made when a transaction is over, and what is sensitive is masked
//! ([`crate::record::mask`]) before there is a record. Of a long body the last segment is there, of a response body
//! what rules saw of it; what is not kept is left out (ModSecurity v3 reference, "SecAuditLogParts").

mod json;
mod native;
mod view;

use signatures::AuditFormat;

use crate::{Evaluation, Outcome};
use view::View;

/// One audit record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// The file it is appended to, as `SecAuditLog` names it.
    pub log: Box<str>,
    /// What is appended, with its line end.
    pub text: String,
}

/// The audit records that the rule sources of a transaction's policy ask for: one of each source that logs it.
pub(crate) fn records(evaluation: &Evaluation, outcome: &Outcome) -> Vec<AuditRecord> {
    let wanted = evaluation.running().iter().filter_map(|running| {
        let ruleset = &running.rules.ruleset;
        let parts = running.state.audit(ruleset, outcome.status)?;
        let log = ruleset.settings.audit.log.clone()?;
        let view = View::new(evaluation, running, parts, *outcome);
        let text = match ruleset.settings.audit.format {
            AuditFormat::Json => json::write(&view),
            AuditFormat::Native => native::write(&view),
        };
        Some(AuditRecord { log, text })
    });
    wanted.collect()
}

#[cfg(test)]
mod tests;
