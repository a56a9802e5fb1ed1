//! Compiled rules, immutable and shared by all transactions.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::operator::{GeoDatabase, Operator, Zone};
use crate::run::Plan;
use crate::transformation::UnicodeMap;
use crate::{AuditSettings, EngineMode, Rule};

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

impl Ruleset {
    /// The lists in the DNS that rules ask of the client's address (`@rbl`), each once.
    #[must_use]
    pub fn zones(&self) -> Vec<Zone> {
        let mut zones = Vec::new();
        for link in self.rules.iter().flat_map(|rule| &rule.links) {
            if let Operator::Rbl(zone) = &link.operator
                && !zones.contains(zone)
            {
                zones.push(zone.clone());
            }
        }
        zones
    }
}

/// One step of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A `SecMarker`.
    Marker,
    /// A rule, by its index in [`Ruleset::rules`].
    Rule(u32),
}

impl Step {
    /// The rule's index, if it is one.
    #[must_use]
    pub fn rule(&self) -> Option<u32> {
        match *self {
            Self::Rule(index) => Some(index),
            Self::Marker => None,
        }
    }
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
    /// `SecComponentSignature`s.
    pub components: Vec<Box<str>>,
    /// `SecWebAppId`.
    pub web_app_id: Option<Box<str>>,
    /// What `SecAuditLog` and its like say.
    pub audit: AuditSettings,
    /// `SecRequestBodyLimit` and its like.
    pub limits: RuleLimits,
    /// `SecGeoLookupDB`.
    pub geo: Option<Arc<GeoDatabase>>,
    /// `SecHttpBlKey`.
    pub http_bl_key: Option<Arc<str>>,
    /// `SecUnicodeMapFile`.
    pub unicode_map: Option<Arc<UnicodeMap>>,
    /// `SecCollectionTimeout` (seconds).
    pub collection_timeout_s: Option<u32>,
}

/// Limits that rule files state; a policy that states its own wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleLimits {
    /// `SecArgumentsLimit` (count).
    pub arguments_max: Option<usize>,
    /// `SecUploadFileLimit` (count).
    pub files_max: Option<usize>,
    /// `SecRequestBodyLimit` (bytes).
    pub body_bytes_max: Option<u64>,
    /// `SecRequestBodyNoFilesLimit` (bytes).
    pub body_without_files_bytes_max: Option<u64>,
    /// `SecRequestBodyJsonDepthLimit`.
    pub json_depth_max: Option<usize>,
    /// `SecRequestBodyLimitAction`.
    pub on_body_limit: Option<LimitAction>,
    /// `SecResponseBodyLimit` (bytes).
    pub response_body_bytes_max: Option<usize>,
    /// `SecResponseBodyLimitAction`.
    pub on_response_body_limit: Option<LimitAction>,
}

/// `SecRequestBodyLimitAction`, `SecResponseBodyLimitAction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitAction {
    /// What is within the limit is inspected, and the request goes on.
    ProcessPartial,
    /// The transaction is refused.
    Reject,
}

impl Settings {
    /// How long a record of a persistent collection lives after its last update (seconds).
    #[must_use]
    pub fn collection_timeout_s(&self) -> u32 {
        self.collection_timeout_s.unwrap_or(COLLECTION_TIMEOUT_S)
    }
}

/// What the reference says of `SecCollectionTimeout` (seconds).
const COLLECTION_TIMEOUT_S: u32 = 3_600;
