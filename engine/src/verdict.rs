//! What is concluded about a transaction, and why.

use std::sync::Arc;

use model::{Confidence, ModelScore};
use signatures::{Match, RuleId};

use crate::address::Country;

/// What is concluded about a transaction.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Nothing hostile was found.
    Pass,
    /// Hostile; let through because the policy says so.
    Detect(Explanation),
    /// Hostile; stopped.
    Prevent(Explanation, Refusal),
}

/// Why a transaction was judged hostile. Never empty.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What decided.
    pub first: Evidence,
    /// What else speaks for it.
    pub rest: Vec<Evidence>,
}

/// A reason.
#[derive(Clone, Debug)]
pub enum Evidence {
    /// The client is on a list of addresses that the policy denies.
    Address {
        /// The list's name.
        list: Arc<str>,
    },
    /// The client comes from a country from where it is not welcome.
    Country {
        /// The country; `None` when it is not known.
        country: Option<Country>,
    },
    /// The engine could not inspect, and the policy blocks then.
    InspectionFailure {
        /// Why, as [`transaction::Shortfall::as_str`] spells it.
        reason: &'static str,
    },
    /// The model's score reached the policy's confidence.
    Model {
        /// The score.
        score: ModelScore,
        /// The band of that.
        confidence: Confidence,
    },
    /// It was one more than a rate limit allows.
    RateLimit {
        /// The limit's name.
        limit: Arc<str>,
    },
    /// An enforced rule stopped the transaction.
    Rule {
        /// The most telling rule of those whose disruptive action fired: for CRS the evaluation rule
        /// (949110).
        id: RuleId,
        /// The matches that led to it, the most telling first.
        matches: Vec<Match>,
    },
}

/// How a stopped transaction is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Close the connection without an answer.
    Close,
    /// The block page with this status.
    Page {
        /// The status code, 403 as a rule.
        status: u16,
    },
    /// The block page with status 429: too many requests.
    TooMany {
        /// After how long the next one may come (seconds).
        retry_after_s: u64,
    },
    /// A redirect.
    Redirect {
        /// 301, 302, 303 or 307.
        status: u16,
        /// Where to.
        location: String,
    },
}

impl Verdict {
    /// The word in decision records: `pass`, `detect`, `prevent`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Detect(_) => "detect",
            Self::Prevent(..) => "prevent",
        }
    }

    /// Whether nothing hostile was found.
    #[must_use]
    pub fn is_pass(&self) -> bool {
        matches!(self, Self::Pass)
    }

    /// Whether the transaction is stopped.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        matches!(self, Self::Prevent(..))
    }
}
