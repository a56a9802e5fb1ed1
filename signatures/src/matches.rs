//! What rules found.

use crate::{ParanoiaLevel, Phase, RuleId, RuleSeverity};

/// One rule that matched, with its macros expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The rule.
    pub id: RuleId,
    /// The phase it ran in.
    pub phase: Phase,
    /// `msg`, expanded.
    pub msg: Vec<u8>,
    /// `logdata`, expanded.
    pub logdata: Vec<u8>,
    /// `severity`.
    pub severity: Option<RuleSeverity>,
    /// Tags, expanded.
    pub tags: Vec<Vec<u8>>,
    /// The rule's paranoia level, by its tag.
    pub paranoia: Option<ParanoiaLevel>,
    /// Every value that matched in the last link, up to a stated bound.
    pub values: Vec<MatchedValue>,
    /// What the match added to anomaly scores (sum of `setvar` on `*anomaly_score*`).
    pub score: i64,
    /// Whether the rule asks for a log line.
    pub log: bool,
    /// Whether the rule's own disruptive action would stop the transaction.
    pub disruptive: bool,
}

impl Match {
    /// Whether the rule only judged what other rules had counted (949110), and found nothing itself.
    #[must_use]
    pub fn is_on_score(&self) -> bool {
        self.score == 0 && self.values.iter().all(|value| value.target.starts_with("TX:"))
    }
}

/// One value that made a rule match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedValue {
    /// The variable as SecLang names it: `ARGS:q`, `REQUEST_HEADERS:User-Agent`.
    pub target: String,
    /// The matching part after transformations, up to `MATCHED_BYTES_MAX`.
    pub matched: Vec<u8>,
}

/// How much of a matching value a [`MatchedValue`] keeps (bytes).
pub const MATCHED_BYTES_MAX: usize = 512;
