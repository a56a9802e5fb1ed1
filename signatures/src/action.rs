//! What a match does.

use std::ops::RangeInclusive;

use crate::{AuditEngine, AuditPartsChange, RuleId, Target, Text};

/// An action that runs for each value that matched.
#[derive(Debug)]
pub enum Action {
    /// `setvar`, `setenv`.
    SetVar(Assignment),
    /// `ctl`.
    Ctl(Ctl),
    /// `initcol:ip=%{REMOTE_ADDR}`: opens a persistent collection under a key.
    InitCol {
        /// `ip`, `global`, `session`, `user`, `resource`; lower case.
        collection: Box<str>,
        /// The key, with macros.
        key: Text,
    },
    /// `setuid`, `setsid`, `setrsc`: names the collection `USER`, `SESSION` or `RESOURCE` for this transaction.
    SetId {
        /// `user`, `session` or `resource`.
        collection: Box<str>,
        /// The key, with macros.
        key: Text,
    },
    /// `sanitiseArg` and its like: a value that is written down nowhere.
    Sanitise(Sanitise),
    /// `deprecatevar:session.score=60/300`.
    DeprecateVar {
        /// The collection, lower case.
        collection: Box<str>,
        /// The variable's name, with macros.
        name: Text,
        /// What is taken away each time, with macros.
        amount: Text,
        /// How often that is (seconds).
        period_s: u32,
    },
    /// `expirevar:ip.blocked=3600`.
    ExpireVar {
        /// The collection, lower case.
        collection: Box<str>,
        /// The variable's name, with macros.
        name: Text,
        /// Seconds from now, with macros.
        seconds: Text,
    },
}

/// Which value is written down nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sanitise {
    /// `sanitiseMatched`, `sanitiseMatchedBytes`: what the rule matched.
    Matched,
    /// `sanitiseArg`, `sanitiseRequestHeader`, `sanitiseResponseHeader`: as SecLang names it, `ARGS:password`.
    Named(Box<str>),
}

/// `setvar:collection.name=...`.
#[derive(Debug)]
pub struct Assignment {
    /// `tx`, `ip`, `global`, `session`, `user`, `resource`, `env`; lower case.
    pub collection: Box<str>,
    /// The variable's name, with macros.
    pub name: Text,
    /// What becomes of it.
    pub change: Change,
}

/// What `setvar` does to a variable.
#[derive(Debug)]
pub enum Change {
    /// `=+n`.
    Add(Text),
    /// `=value`; no `=` at all sets `1`.
    Set(Text),
    /// `=-n`.
    Subtract(Text),
    /// `!tx.name`.
    Unset,
}

/// `ctl:...`: changes how this transaction is inspected.
#[derive(Debug)]
pub enum Ctl {
    /// `auditEngine=On|Off|RelevantOnly`.
    AuditEngine(AuditEngine),
    /// `auditLogParts=...`.
    AuditLogParts(AuditPartsChange),
    /// `forceRequestBodyVariable=On|Off`.
    ForceRequestBodyVariable(bool),
    /// `requestBodyAccess=On|Off`.
    RequestBodyAccess(bool),
    /// `requestBodyLimit=...` (bytes).
    RequestBodyLimit(u64),
    /// `requestBodyProcessor=URLENCODED|MULTIPART|XML|JSON`.
    RequestBodyProcessor(transaction::Processor),
    /// `responseBodyAccess=On|Off`.
    ResponseBodyAccess(bool),
    /// `responseBodyLimit=...` (bytes).
    ResponseBodyLimit(usize),
    /// `ruleEngine=On|Off|DetectionOnly`.
    RuleEngine(EngineMode),
    /// `ruleRemoveById`, `ruleRemoveByTag`, `ruleRemoveByMsg`.
    RuleRemove(RuleSelector),
    /// `ruleRemoveTargetById`, `ruleRemoveTargetByTag`, `ruleRemoveTargetByMsg`.
    RuleRemoveTarget(RuleSelector, Target),
}

/// Which rules a `ctl` or a `SecRuleRemove*` / `SecRuleUpdate*` directive means.
#[derive(Clone, Debug)]
pub enum RuleSelector {
    /// Ids and ranges of ids.
    Ids(Vec<RangeInclusive<u32>>),
    /// Rules whose `msg` matches the pattern (ModSecurity v3: is equal to it for `ctl`).
    Msg(regex::bytes::Regex),
    /// Rules with a tag that matches the pattern.
    Tag(regex::bytes::Regex),
}

impl RuleSelector {
    /// Whether it means the rule with that id.
    #[must_use]
    pub fn has_id(&self, id: RuleId) -> bool {
        matches!(self, Self::Ids(ranges) if ranges.iter().any(|range| range.contains(&id.get())))
    }
}

/// `SecRuleEngine`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineMode {
    /// Rules are evaluated, disruptive actions only reported.
    DetectionOnly,
    /// Rules are not evaluated.
    Off,
    /// Rules are evaluated and decide.
    #[default]
    On,
}

/// What a full match of a rule does to the transaction; `block` was resolved by `SecDefaultAction`.
#[derive(Debug)]
pub enum Disruptive {
    /// `allow`: no further rule is asked, within the scope.
    Allow(AllowScope),
    /// `deny`, with its status (403 unless `status` says otherwise).
    Deny {
        /// The status code.
        status: u16,
    },
    /// `drop`: close the connection.
    Drop,
    /// `pass`: go on.
    Pass,
    /// `redirect`.
    Redirect {
        /// Where to, with macros.
        location: Text,
        /// 301, 302, 303 or 307.
        status: u16,
    },
}

/// How far an `allow` reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowScope {
    /// `allow:phase`.
    Phase,
    /// `allow:request`: to the end of phase 2.
    Request,
    /// `allow`: all phases but logging.
    Transaction,
}

/// Where evaluation goes on after a match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skip {
    /// `skipAfter:MARKER`: after that `SecMarker` or rule id, in the same phase.
    After(Box<str>),
    /// `skip:n`: leaves out the next n rules of the phase.
    Count(u32),
}
