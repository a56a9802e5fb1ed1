//! Policies: what is inspected, how strictly, and what is excepted.

pub mod spec;

mod asset;
mod deadlines;
mod exception;
mod glob;
mod limits;
mod mode;
mod model;
mod named;
mod path;
mod source;
mod target;

use std::collections::BTreeMap;
use std::sync::Arc;

use signatures::{LimitAction, ParanoiaLevel, RuleLimits};
use transaction::Limits;

pub use asset::{Asset, AssetIndex, HostPattern};
pub use deadlines::Deadlines;
pub use exception::{Exception, FieldScope, PathScope, RequestFacts, Scope};
pub use glob::Glob;
pub use mode::{Mode, OnInspectionFailure, OnLimit, OnMalformed, Role};
pub use model::{ModelOrigin, ModelPolicy};
pub use source::{Origin, RuleSource};
pub use target::{FixedAnswer, Location, Target};

pub(crate) use asset::{check_all as check_assets, known};
pub(crate) use exception::{methods as check_methods, paths as check_path_scopes};
pub(crate) use named::Named;
pub(crate) use path::normalised;

use crate::config::{At, Countries, RateLimitHeaders, Skip};
use crate::limit::RateLimit;
use spec::{PolicySpec, SignaturesSpec};

/// How requests are judged.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// What is done with hostile transactions; for [`crate::decide`](mod@crate::decide) alone.
    pub mode: Mode,
    /// Rule sources in order.
    pub sources: Vec<RuleSource>,
    /// The model beside them, if any.
    pub model: Option<ModelPolicy>,
    /// How strictly rules are taken.
    pub levels: Levels,
    /// Whether responses are inspected; `None` leaves it to the rules.
    pub inspect_responses: Option<bool>,
    /// Request body bytes withheld from the upstream until they are judged.
    pub hold_bytes_max: usize,
    /// Bounds of parsing.
    pub limits: Limits,
    /// What is done when a limit kept a part of a request from inspection.
    pub on_limit: OnLimit,
    /// What is done when a response body is longer than what is inspected of it.
    pub on_response_limit: OnLimit,
    /// What is done when a gateway keeps the body to itself.
    pub on_unseen_body: OnLimit,
    /// What is done when a body is not what its Content-Type says.
    pub on_malformed: OnMalformed,
    /// What is done when the engine itself failed, was given no more time, or a list in the DNS did not answer.
    pub on_inspection_failure: OnInspectionFailure,
    /// How long inspection may take.
    pub deadlines: Deadlines,
    /// Lists of addresses whose clients are hostile.
    pub deny_addresses: Vec<String>,
    /// Lists of addresses whose clients are welcome.
    pub allow_addresses: Vec<String>,
    /// What these are spared.
    pub allowed_skip: Vec<Skip>,
    /// Which countries clients may come from; any without.
    pub countries: Option<Countries>,
    /// Rate limits that hold for its requests.
    pub rate_limits: Vec<Arc<RateLimit>>,
    /// Which answers tell clients how they stand with them.
    pub rate_limit_headers: RateLimitHeaders,
    /// What is not looked at.
    pub exceptions: Vec<Exception>,
    /// How a stopped request is answered.
    pub response: Response,
    /// Which of the limits it states itself.
    pub(crate) stated: Stated,
}

impl Policy {
    /// Everything it says, as text: what its hash is of.
    pub(crate) fn fingerprint(&self) -> String {
        // Places are not part of what a policy says.
        let sources: Vec<_> = self.sources.iter().map(|source| (&source.origin, source.role)).collect();
        let model = self.model.as_ref().map(|model| (&model.origin, model.minimum_confidence));
        let countries = self.countries.as_ref().map(|it| (&it.file, &it.countries, it.is_allow, it.unknown));
        let rest = Self { sources: Vec::new(), model: None, countries: None, ..self.clone() };
        format!("{sources:?} {model:?} {countries:?} {rest:?}")
    }
}

/// Which limits a policy states itself, so that rule files do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
pub(crate) struct Stated {
    arguments: bool,
    body: bool,
    body_without_files: bool,
    json_depth: bool,
    on_limit: bool,
    on_response_limit: bool,
    response_body: bool,
}

impl Stated {
    fn of(spec: &PolicySpec) -> Self {
        let limits = &spec.limits;
        Self {
            arguments: limits.query_arguments_max.is_some(),
            body: limits.body_bytes_max.is_some(),
            body_without_files: limits.body_without_files_bytes_max.is_some(),
            json_depth: limits.json_depth_max.is_some(),
            on_limit: spec.on_limit.is_some(),
            on_response_limit: spec.on_response_limit.is_some(),
            response_body: limits.response_body_bytes_max.is_some(),
        }
    }
}

impl Policy {
    /// The policy with the limits that its rule files state, where it states none itself.
    pub(crate) fn with_limits(&self, rules: &RuleLimits) -> Self {
        let mut policy = self.clone();
        let (limits, stated) = (&mut policy.limits, self.stated);
        let unless = |stated: bool, value: Option<usize>, limit: &mut usize| {
            *limit = value.filter(|_| !stated).unwrap_or(*limit);
        };
        unless(stated.arguments, rules.arguments_max, &mut limits.query_arguments_max);
        unless(stated.json_depth, rules.json_depth_max, &mut limits.json_depth_max);
        unless(stated.response_body, rules.response_body_bytes_max, &mut limits.response_body_bytes_max);
        limits.body_bytes_max =
            rules.body_bytes_max.filter(|_| !stated.body).unwrap_or(limits.body_bytes_max);
        limits.body_without_files_bytes_max = rules
            .body_without_files_bytes_max
            .filter(|_| !stated.body_without_files)
            .unwrap_or(limits.body_without_files_bytes_max);
        let action =
            |stated: bool, action: Option<LimitAction>, usual: OnLimit| match action.filter(|_| !stated) {
                Some(LimitAction::Reject) => OnLimit::Block,
                Some(LimitAction::ProcessPartial) => OnLimit::Pass,
                None => usual,
            };
        policy.on_limit = action(stated.on_limit, rules.on_body_limit, self.on_limit);
        policy.on_response_limit =
            action(stated.on_response_limit, rules.on_response_body_limit, self.on_response_limit);
        policy
    }
}

/// How strictly rules are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Levels {
    /// The paranoia level whose matches count.
    pub paranoia: ParanoiaLevel,
    /// The paranoia level whose rules run.
    pub detection_paranoia: ParanoiaLevel,
    /// The anomaly score from which a request is hostile.
    pub inbound_threshold: u32,
    /// The anomaly score from which a response is hostile.
    pub outbound_threshold: u32,
}

/// How a stopped request is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status, unless a rule names its own.
    pub status: u16,
    /// HTML in place of the block page.
    pub page: Option<String>,
}

pub(crate) fn check_all(
    specs: &BTreeMap<String, PolicySpec>,
    at: &At<'_>,
    named: &Named<'_>,
    now_us: i64,
) -> Vec<Arc<Policy>> {
    specs.iter().map(|(name, spec)| Arc::new(check(name, spec, &at.key(name), named, now_us))).collect()
}

fn check(name: &str, spec: &PolicySpec, at: &At<'_>, named: &Named<'_>, now_us: i64) -> Policy {
    let signatures = at.key("signatures");
    let (limits, hold_bytes_max) = limits::check(&spec.limits, &at.key("limits"));
    Policy {
        name: name.to_owned(),
        mode: spec.mode,
        sources: source::check_all(spec.signatures.rules.as_deref(), &signatures.key("rules")),
        model: model::check(spec.model.as_ref(), &at.key("model")),
        levels: levels(&spec.signatures, &signatures),
        inspect_responses: spec.inspect_responses,
        hold_bytes_max,
        limits,
        on_limit: spec.on_limit.unwrap_or_default(),
        on_response_limit: spec.on_response_limit.unwrap_or(OnLimit::Pass),
        on_unseen_body: spec.on_unseen_body.unwrap_or(OnLimit::Pass),
        stated: Stated::of(spec),
        on_malformed: spec.on_malformed,
        on_inspection_failure: spec.on_inspection_failure,
        deadlines: Deadlines::check(&spec.deadlines, &at.key("deadlines")),
        deny_addresses: named.address_lists(&spec.deny_addresses, &at.key("deny_addresses")),
        allow_addresses: named.address_lists(&spec.allow_addresses, &at.key("allow_addresses")),
        allowed_skip: spec.allowed_skip.clone().unwrap_or_else(|| vec![Skip::RateLimits, Skip::Countries]),
        countries: spec
            .countries
            .as_ref()
            .and_then(|countries| crate::config::countries(countries, &at.key("countries"))),
        rate_limits: named.rate_limits(&spec.rate_limits, &at.key("rate_limits")),
        rate_limit_headers: spec.rate_limit_headers,
        exceptions: exception::check_all(&spec.exceptions, &at.key("exceptions"), now_us),
        response: Response { status: spec.response.status.unwrap_or(403), page: spec.response.page.clone() },
    }
}

fn levels(spec: &SignaturesSpec, at: &At<'_>) -> Levels {
    let paranoia = spec.paranoia.unwrap_or(1);
    let detection = spec.detection_paranoia.unwrap_or(paranoia);
    if detection < paranoia {
        at.key("detection_paranoia")
            .error(
                "contradiction",
                format!("rules of level {paranoia} count, but only those up to {detection} run"),
            )
            .label("below `paranoia`")
            .help(format!("write {paranoia} or more, or leave it out"))
            .report();
    }
    let threshold = |value: Option<u32>, default: u32, key: &str| match value {
        Some(0) => {
            at.key(key)
                .error("out-of-range", "with a threshold of 0 every request is hostile")
                .label("must be at least 1")
                .report();
            default
        }
        value => value.unwrap_or(default),
    };
    Levels {
        paranoia: level(paranoia),
        detection_paranoia: level(detection),
        inbound_threshold: threshold(spec.inbound_threshold, 5, "inbound_threshold"),
        outbound_threshold: threshold(spec.outbound_threshold, 4, "outbound_threshold"),
    }
}

/// The schema keeps it within 1 to 4.
fn level(number: u8) -> ParanoiaLevel {
    match number {
        0 | 1 => ParanoiaLevel::One,
        2 => ParanoiaLevel::Two,
        3 => ParanoiaLevel::Three,
        _ => ParanoiaLevel::Four,
    }
}
