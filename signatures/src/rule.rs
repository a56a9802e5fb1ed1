//! A rule as it runs: everything resolved, nothing left to parse.

use std::fmt;
use std::num::NonZeroU32;

use crate::operator::Operator;
use crate::transformation::Transformation;
use crate::{Action, Disruptive, Location, Skip, Target, Text};

/// A SecLang `id`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RuleId(pub NonZeroU32);

impl RuleId {
    /// The id as a number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// SecLang's five phases.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Phase {
    /// 1: the request head is here.
    RequestHeaders = 1,
    /// 2: the request body, or a segment of it, is here.
    RequestBody = 2,
    /// 3: the response head is here.
    ResponseHeaders = 3,
    /// 4: the response body is here.
    ResponseBody = 4,
    /// 5: all is over; nothing can be blocked.
    Logging = 5,
}

impl Phase {
    /// All phases in order.
    pub const ALL: [Self; 5] =
        [Self::RequestHeaders, Self::RequestBody, Self::ResponseHeaders, Self::ResponseBody, Self::Logging];

    /// 0 for phase 1, and so on: the index into per-phase tables.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize - 1
    }
}

/// A CRS paranoia level: how many false positives one is ready to live with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum ParanoiaLevel {
    /// The default: rules that a stranger's site can enforce.
    #[default]
    One = 1,
    /// More coverage, some tuning.
    Two = 2,
    /// For experts.
    Three = 3,
    /// Everything.
    Four = 4,
}

/// SecLang's severities (syslog numbers).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(missing_docs, reason = "the names are syslog's")]
pub enum RuleSeverity {
    Emergency = 0,
    Alert = 1,
    Critical = 2,
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
    Debug = 7,
}

/// One `SecRule` or `SecAction` with its chain.
#[derive(Debug)]
pub struct Rule {
    /// The `id` action.
    pub id: RuleId,
    /// The phase it runs in.
    pub phase: Phase,
    /// What it says about itself.
    pub meta: Meta,
    /// The rule proper, then the rules chained to it; all must match. Never empty.
    pub links: Vec<Link>,
    /// What is done when all links matched, after `SecDefaultAction` was applied.
    pub disruptive: Disruptive,
    /// Where to go on after a match, when not at the next rule.
    pub skip: Option<Skip>,
    /// Whether a match is reported (`log`, `nolog`).
    pub log: bool,
    /// Whether a match is worth an audit record (`auditlog`, `noauditlog`).
    pub audit_log: bool,
    /// Where it was written.
    pub location: Location,
    /// The directives that changed it: `SecRuleUpdateTargetById` and its like, in order.
    pub changes: Vec<Location>,
}

impl Rule {
    /// Whether a match is more than bookkeeping: reported, or the end of the transaction.
    pub(crate) fn is_told(&self) -> bool {
        self.log || !matches!(self.disruptive, Disruptive::Pass)
    }
}

/// What a rule says about itself.
#[derive(Debug, Default)]
pub struct Meta {
    /// `msg`, with macros.
    pub msg: Option<Text>,
    /// `logdata`, with macros.
    pub logdata: Option<Text>,
    /// `severity`.
    pub severity: Option<RuleSeverity>,
    /// `tag`s, with macros.
    pub tags: Vec<Text>,
    /// `ver`.
    pub version: Option<Box<str>>,
    /// `rev`.
    pub revision: Option<Box<str>>,
    /// `maturity`, 0-9.
    pub maturity: Option<u8>,
    /// `accuracy`, 0-9.
    pub accuracy: Option<u8>,
    /// From the tag `paranoia-level/N`.
    pub paranoia: Option<ParanoiaLevel>,
}

/// One test of a chain: targets, transformations, operator, and what a match does.
#[derive(Debug)]
pub struct Link {
    /// What is looked at, in order. Empty for `SecAction`, which always matches.
    pub targets: Vec<Target>,
    /// What is left out of `targets` (`!ARGS:x`).
    pub exclusions: Vec<Target>,
    /// `t:` in order, after `t:none` and `SecDefaultAction` were applied.
    pub transformations: Vec<Transformation>,
    /// Whether the operator is asked after each transformation that changed the value.
    pub multi_match: bool,
    /// The test.
    pub operator: Operator,
    /// Whether the test is negated (`!@rx`).
    pub negated: bool,
    /// Whether groups are written to `TX:0`..`TX:9`.
    pub capture: bool,
    /// `setvar`, `ctl`, `initcol` and so on, run for each value that matched, in order.
    pub actions: Vec<Action>,
}
