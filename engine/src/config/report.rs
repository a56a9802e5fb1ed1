//! Where decision records go.

use transaction::Shortfall;

use super::spec::DecisionsSpec;
use super::{At, DecisionsOnly};

/// Where decision records go, and which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionLog {
    /// Where to.
    pub to: DecisionsTo,
    /// Which.
    pub only: DecisionsOnly,
}

/// Where decision records go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DecisionsTo {
    /// Appended to this file.
    File(String),
    /// Nowhere.
    None,
    /// Standard output.
    #[default]
    Stdout,
}

impl DecisionsOnly {
    /// Whether the record of a transaction is written.
    #[must_use]
    pub fn wants(self, evaluation: &crate::Evaluation) -> bool {
        let verdict = evaluation.verdict();
        match self {
            Self::All => true,
            Self::Blocked => verdict.is_blocked(),
            Self::Hostile => {
                // Who is exempt is so by the policy: that is counted, and nobody has to look at it.
                let mut reasons = evaluation.transaction().inspection.reasons();
                !verdict.is_pass() || reasons.any(|reason| reason != Shortfall::Exempt)
            }
        }
    }
}

pub(super) fn check(spec: &DecisionsSpec, at: &At<'_>) -> DecisionLog {
    let to = match spec.to.as_deref() {
        None | Some("stdout") => DecisionsTo::Stdout,
        Some("none") => DecisionsTo::None,
        Some("") => {
            at.key("to").error("empty-path", "the path is empty").label("must name a file").report();
            DecisionsTo::None
        }
        Some(path) => DecisionsTo::File(path.to_owned()),
    };
    DecisionLog { to, only: spec.only }
}
