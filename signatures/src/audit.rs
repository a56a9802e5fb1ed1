//! What rules and directives say of audit logging; who writes the log is not here.
//!
//! ModSecurity v3 reference, "SecAuditEngine", "SecAuditLogParts" and those around them.

use std::sync::Arc;

use crate::operator::{Budget, Rx};
use crate::{Resolve, RuleState, Ruleset, Variable};

/// `SecAuditEngine`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditEngine {
    /// No transaction is logged.
    #[default]
    Off,
    /// All are.
    On,
    /// Those are where a rule with `auditlog` matched, or whose status `SecAuditLogRelevantStatus` means.
    RelevantOnly,
}

/// `SecAuditLogFormat`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditFormat {
    /// One JSON object a line.
    Json,
    /// Sections between boundaries.
    #[default]
    Native,
}

/// `SecAuditLogType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditType {
    /// Records are appended to the file of `SecAuditLog`.
    #[default]
    Serial,
    /// Each is a file below `SecAuditLogStorageDir`; the file of `SecAuditLog` is the index.
    Concurrent,
}

/// `SecAuditLogParts`: which parts of a transaction are logged. The header (A) and the end (Z) always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditParts(u32);

impl AuditParts {
    /// Reads letters.
    ///
    /// # Errors
    /// The letter that is no part.
    pub fn parse(letters: &str) -> Result<Self, char> {
        letters.chars().try_fold(Self(0), |parts, letter| match letter {
            'A'..='K' | 'Z' => Ok(Self(parts.0 | bit(letter))),
            other => Err(other),
        })
    }

    /// Whether a part is logged.
    #[must_use]
    pub fn has(self, letter: char) -> bool {
        self.0 & bit(letter) != 0
    }
}

/// What the reference says of `SecAuditLogParts`.
impl Default for AuditParts {
    fn default() -> Self {
        Self(['A', 'B', 'C', 'F', 'H', 'Z'].into_iter().map(bit).sum())
    }
}

fn bit(letter: char) -> u32 {
    1 << (u32::from(letter) - u32::from('A')).min(31)
}

/// `ctl:auditLogParts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditPartsChange {
    /// `+E`.
    Add(AuditParts),
    /// `-E`.
    Remove(AuditParts),
    /// `ABCZ`.
    Set(AuditParts),
}

impl AuditPartsChange {
    /// The parts after the change.
    #[must_use]
    pub fn applied(self, parts: AuditParts) -> AuditParts {
        match self {
            Self::Add(more) => AuditParts(parts.0 | more.0),
            Self::Remove(less) => AuditParts(parts.0 & !less.0),
            Self::Set(parts) => parts,
        }
    }
}

/// What directives say of audit logging.
#[derive(Clone, Debug, Default)]
pub struct AuditSettings {
    /// `SecAuditEngine`.
    pub engine: AuditEngine,
    /// `SecAuditLogFormat`.
    pub format: AuditFormat,
    /// `SecAuditLogType`.
    pub kind: AuditType,
    /// `SecAuditLog`: the file that is appended to; without one nothing is logged, unless each record is a file.
    pub log: Option<Box<str>>,
    /// `SecAuditLogStorageDir`: where each record is a file.
    pub storage: Option<Box<str>>,
    /// `SecAuditLogDirMode`: the permissions of new directories.
    pub directory_mode: Option<u32>,
    /// `SecAuditLogFileMode`: the permissions of new files.
    pub file_mode: Option<u32>,
    /// `SecAuditLogParts`.
    pub parts: AuditParts,
    /// `SecAuditLogRelevantStatus`.
    pub relevant_status: Option<Arc<Rx>>,
}

impl AuditSettings {
    /// Whether there is a place for records.
    fn has_place(&self) -> bool {
        match self.kind {
            AuditType::Serial => self.log.is_some(),
            AuditType::Concurrent => self.storage.is_some(),
        }
    }
}

impl RuleState {
    /// The parts that are logged of a transaction which ended with `status`; `None` when it is not logged.
    #[must_use]
    pub fn audit(&self, ruleset: &Ruleset, status: u16) -> Option<AuditParts> {
        let settings = &ruleset.settings.audit;
        let is_relevant = || {
            let status = status.to_string();
            let means = |regex: &Arc<Rx>| {
                regex.find(status.as_bytes(), &NoMacros, &mut Budget::default(), None).is_some()
            };
            self.audit_relevant || settings.relevant_status.as_ref().is_some_and(means)
        };
        let is_logged = settings.has_place()
            && match self.audit_engine.unwrap_or(settings.engine) {
                AuditEngine::Off => false,
                AuditEngine::On => true,
                AuditEngine::RelevantOnly => is_relevant(),
            };
        is_logged.then(|| self.audit_parts.unwrap_or(settings.parts))
    }
}

/// A status is no place for macros.
struct NoMacros;

impl Resolve for NoMacros {
    fn resolve(&self, _: Variable, _: Option<&[u8]>, _: &mut Vec<u8>) {}
}
