//! Compiled rules, immutable and shared by all transactions.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::run::Plan;
use crate::{EngineMode, Rule};

/// Compiled rules in the order they run.
#[derive(Debug, Default)]
pub struct Ruleset {
    /// All rules, in file order.
    pub rules: Vec<Rule>,
    /// What runs in each phase, by [`crate::Phase::index`].
    pub phases: [Vec<Step>; 5],
    /// For each phase, where a marker (or a rule id as text) stands in `phases`.
    pub markers: [HashMap<Box<str>, usize>; 5],
    /// What directives other than rules say.
    pub settings: Settings,
    /// What evaluation derives from `rules`, once, at first use.
    pub(crate) plan: OnceLock<Plan>,
}

/// One step of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A `SecMarker`.
    Marker,
    /// A rule, by its index in [`Ruleset::rules`].
    Rule(u32),
}

/// What directives other than rules say. `None` where no file says anything: the policy's value holds.
#[derive(Debug, Default, Clone)]
pub struct Settings {
    /// `SecRuleEngine`.
    pub engine: Option<EngineMode>,
    /// `SecRequestBodyAccess`.
    pub request_body_access: Option<bool>,
    /// `SecResponseBodyAccess`.
    pub response_body_access: Option<bool>,
    /// `SecResponseBodyMimeType`, lower case.
    pub response_body_mime_types: Option<Vec<Box<str>>>,
    /// `SecRequestBodyLimit` (bytes).
    pub request_body_limit: Option<u64>,
    /// `SecRequestBodyNoFilesLimit` (bytes).
    pub request_body_no_files_limit: Option<u64>,
    /// `SecRequestBodyJsonDepthLimit` (levels).
    pub json_depth_limit: Option<u32>,
    /// `SecArgumentsLimit` (count).
    pub arguments_limit: Option<u32>,
    /// `SecResponseBodyLimit` (bytes).
    pub response_body_limit: Option<u64>,
    /// `SecArgumentSeparator`.
    pub argument_separator: Option<u8>,
    /// `SecComponentSignature`s.
    pub components: Vec<Box<str>>,
    /// `SecRequestBodyLimitAction`.
    pub request_body_limit_action: Option<LimitAction>,
    /// `SecResponseBodyLimitAction`.
    pub response_body_limit_action: Option<LimitAction>,
    /// `SecUploadFileLimit` (count).
    pub upload_file_limit: Option<u32>,
    /// `SecCollectionTimeout` (seconds).
    pub collection_timeout_s: Option<u64>,
    /// `SecWebAppId`.
    pub web_app_id: Option<Box<str>>,
    /// `SecAuditEngine`.
    pub audit_engine: Option<AuditEngine>,
    /// `SecAuditLogParts`.
    pub audit_log_parts: Option<Box<str>>,
    /// `SecAuditLogRelevantStatus`: which response statuses are worth a record.
    pub audit_log_relevant_status: Option<regex::bytes::Regex>,
}

/// What is done with a body over its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitAction {
    /// What is within the limit is inspected, the rest passes.
    ProcessPartial,
    /// The transaction is refused.
    Reject,
}

/// `SecAuditEngine`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditEngine {
    /// No records.
    Off,
    /// A record of each transaction.
    On,
    /// A record where a rule or the status asks for one.
    RelevantOnly,
}
