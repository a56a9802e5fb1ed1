//! What went wrong, and what follows from it: a pure function with a table of rows as its test.

use std::fmt;
use std::time::Duration;

/// What an attempt was about when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The authority's directory, and our account with it.
    Account,
    /// An order that was begun earlier.
    Resume,
    /// A new order.
    Order,
    /// Proving that the names are ours.
    Challenge,
    /// Having the certificate made, and fetching it.
    Certificate,
}

/// Why an attempt did not end in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What it was about.
    pub(crate) stage: Stage,
    /// What went wrong.
    pub(crate) cause: Cause,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The authority answered with an error.
    Refused(Refusal),
    /// No answer came, or none in time.
    Unreachable(String),
    /// An answer that cannot be understood.
    Garbled(String),
    /// The authority gave the order up: mostly because it did not find what it was told to look for.
    Invalid(String),
    /// The authority cannot do what is asked of it: another may.
    Unsupported(String),
    /// Nothing of the authority's: the disk, the command for the DNS.
    Local(String),
}

/// An error as an authority answers it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The status of the answer.
    pub(crate) status: u16,
    /// The last part of the problem's type: `rateLimited`; empty when it has none.
    pub(crate) kind: String,
    /// What the authority says about it.
    pub(crate) detail: String,
    /// How long it asks to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Consequence {
    /// Whether the order is kept, and taken up again at the next attempt; otherwise the next attempt begins a new one.
    pub(crate) keeps_order: bool,
    /// Whether the account is forgotten, so that the next attempt makes another.
    pub(crate) forgets_account: bool,
    /// How long to wait.
    pub(crate) wait: Wait,
    /// Who waits.
    pub(crate) scope: Scope,
    /// What it says of the authority.
    pub(crate) blame: Blame,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// As long as the authority says.
    Told(Duration),
    /// Longer each time.
    Backoff(Pace),
}

/// How a backoff grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// For what passes by itself: outages.
    Quick,
    /// For what somebody has to mend: authorities count such failures, and refuse who has too many.
    Slow,
}

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// This certificate.
    Certificate,
    /// All that the authority would be asked for.
    Authority,
}

/// What a failure says of the authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// Nothing: another one would not do better.
    None,
    /// It counts: after a number of them the next authority is asked.
    Counts,
    /// The next authority is asked at once.
    Refuses,
}

impl Failure {
    pub(crate) fn new(stage: Stage, cause: Cause) -> Self {
        Self { stage, cause }
    }

    /// What follows from it.
    #[must_use]
    pub(crate) fn consequence(&self) -> Consequence {
        let quick = Consequence {
            keeps_order: true,
            forgets_account: false,
            wait: Wait::Backoff(Pace::Quick),
            scope: Scope::Authority,
            blame: Blame::Counts,
        };
        let slow = Consequence {
            keeps_order: false,
            wait: Wait::Backoff(Pace::Slow),
            scope: Scope::Certificate,
            ..quick
        };
        match &self.cause {
            Cause::Refused(refusal) => self.refused(refusal, quick, slow),
            Cause::Unreachable(_) | Cause::Garbled(_) => quick,
            Cause::Invalid(_) => slow,
            Cause::Unsupported(_) => Consequence { blame: Blame::Refuses, ..slow },
            Cause::Local(_) => Consequence { blame: Blame::None, ..slow },
        }
    }

    fn refused(&self, refusal: &Refusal, quick: Consequence, slow: Consequence) -> Consequence {
        let told = Consequence { wait: refusal.retry_after.map_or(quick.wait, Wait::Told), ..quick };
        match (refusal.kind.as_str(), refusal.status) {
            // Limits are mostly on names or sets of names: other certificates may have room.
            ("rateLimited", _) | (_, 429) => Consequence { scope: Scope::Certificate, ..told },
            ("badNonce", _) => told,
            (_, 408 | 500..) => told,
            ("accountDoesNotExist", _) => Consequence { forgets_account: true, keeps_order: false, ..quick },
            _ if self.stage == Stage::Account => {
                Consequence { scope: Scope::Authority, blame: Blame::Refuses, ..slow }
            }
            // New terms to agree to, on a page that the authority names.
            ("userActionRequired", _) => {
                Consequence { scope: Scope::Authority, blame: Blame::Refuses, ..slow }
            }
            ("rejectedIdentifier" | "unsupportedIdentifier" | "caa", _) => {
                Consequence { blame: Blame::Refuses, ..slow }
            }
            _ => slow,
        }
    }

    /// A word for it, for counters.
    #[must_use]
    pub(crate) fn word(&self) -> &'static str {
        match &self.cause {
            Cause::Refused(refusal) if refusal.status == 429 || refusal.kind == "rateLimited" => {
                "rate_limited"
            }
            Cause::Refused(refusal) if refusal.status >= 500 => "unavailable",
            Cause::Refused(_) => "refused",
            Cause::Unreachable(_) => "unreachable",
            Cause::Garbled(_) => "garbled",
            Cause::Invalid(_) => "invalid",
            Cause::Unsupported(_) => "unsupported",
            Cause::Local(_) => "local",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = match self.stage {
            Stage::Account => "the account",
            Stage::Resume => "the order begun earlier",
            Stage::Order => "a new order",
            Stage::Challenge => "the challenge",
            Stage::Certificate => "the certificate",
        };
        match &self.cause {
            Cause::Refused(refusal) => write!(f, "{about}: {refusal}"),
            Cause::Unreachable(text) => write!(f, "{about}: no answer: {text}"),
            Cause::Garbled(text) => write!(f, "{about}: not understood: {text}"),
            Cause::Invalid(text) => write!(f, "{about}: given up by the authority: {text}"),
            Cause::Unsupported(text) | Cause::Local(text) => write!(f, "{about}: {text}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused with {}", self.status)?;
        if !self.kind.is_empty() {
            write!(f, " {}", self.kind)?;
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;
    use Stage::{Account, Certificate, Challenge, Order, Resume};

    /// `kept` or `dropped`, the wait, who waits, what it says of the authority.
    fn shown(stage: Stage, cause: Cause) -> String {
        let it = Failure::new(stage, cause).consequence();
        let wait = match it.wait {
            Wait::Told(time) => format!("{} s", time.as_secs()),
            Wait::Backoff(Pace::Quick) => "quick".into(),
            Wait::Backoff(Pace::Slow) => "slow".into(),
        };
        let order = if it.keeps_order { "kept" } else { "dropped" };
        let account = if it.forgets_account { ", new account" } else { "" };
        format!("{order}, {wait}, {:?}, {:?}{account}", it.scope, it.blame).to_lowercase()
    }

    fn refused(status: u16, kind: &str, retry_after: Option<u64>) -> Cause {
        let retry_after = retry_after.map(Duration::from_secs);
        Cause::Refused(Refusal { status, kind: kind.into(), detail: String::new(), retry_after })
    }

    #[test]
    fn each_failure_has_its_consequence() {
        let rows = [
            (Order, refused(429, "rateLimited", Some(60)), "kept, 60 s, certificate, counts"),
            (Order, refused(429, "rateLimited", None), "kept, quick, certificate, counts"),
            (Order, refused(429, "", None), "kept, quick, certificate, counts"),
            (Order, refused(403, "rateLimited", Some(9)), "kept, 9 s, certificate, counts"),
            (Account, refused(429, "rateLimited", Some(60)), "kept, 60 s, certificate, counts"),
            (Certificate, refused(503, "", Some(120)), "kept, 120 s, authority, counts"),
            (Certificate, refused(503, "", None), "kept, quick, authority, counts"),
            (Account, refused(503, "", None), "kept, quick, authority, counts"),
            (Challenge, refused(500, "serverInternal", None), "kept, quick, authority, counts"),
            (Challenge, refused(502, "", Some(3)), "kept, 3 s, authority, counts"),
            (Order, refused(400, "badNonce", None), "kept, quick, authority, counts"),
            (Order, refused(408, "", None), "kept, quick, authority, counts"),
            (Order, Cause::Unreachable(String::new()), "kept, quick, authority, counts"),
            (Order, Cause::Garbled(String::new()), "kept, quick, authority, counts"),
            (
                Order,
                refused(400, "accountDoesNotExist", None),
                "dropped, quick, authority, counts, new account",
            ),
            (Account, refused(400, "externalAccountRequired", None), "dropped, slow, authority, refuses"),
            (Account, refused(401, "unauthorized", None), "dropped, slow, authority, refuses"),
            (Account, refused(404, "", None), "dropped, slow, authority, refuses"),
            (Order, refused(403, "userActionRequired", None), "dropped, slow, authority, refuses"),
            (Order, refused(400, "rejectedIdentifier", None), "dropped, slow, certificate, refuses"),
            (Certificate, refused(403, "caa", None), "dropped, slow, certificate, refuses"),
            (Certificate, refused(400, "badCSR", None), "dropped, slow, certificate, counts"),
            (Order, refused(403, "unauthorized", None), "dropped, slow, certificate, counts"),
            (Resume, refused(404, "malformed", None), "dropped, slow, certificate, counts"),
            (Challenge, Cause::Invalid(String::new()), "dropped, slow, certificate, counts"),
            (Challenge, Cause::Unsupported(String::new()), "dropped, slow, certificate, refuses"),
            (Challenge, Cause::Local(String::new()), "dropped, slow, certificate, none"),
        ];
        for (stage, cause, expected) in rows {
            assert_eq!(shown(stage, cause.clone()), expected, "{stage:?} {cause:?}");
        }
    }
}
