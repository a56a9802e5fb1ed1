//! Where decision records go.

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
            Self::Hostile => !verdict.is_pass() || !evaluation.transaction().inspection.is_complete(),
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
