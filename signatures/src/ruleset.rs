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
    /// `SecComponentSignature`s.
    pub components: Vec<Box<str>>,
    /// `SecWebAppId`.
    pub web_app_id: Option<Box<str>>,
}
