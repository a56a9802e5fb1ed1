//! What is done with what was found. Read by [`crate::decide`](mod@crate::decide) alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a policy does with a hostile transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Reports it and lets it through, unaltered.
    #[default]
    Detect,
    /// Does not inspect.
    Off,
    /// Stops it.
    Prevent,
}

impl Mode {
    /// The word in configurations and records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::Off => "off",
            Self::Prevent => "prevent",
        }
    }
}

/// What is done when a limit kept a part of a request from inspection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnLimit {
    /// The request counts as hostile.
    #[default]
    Block,
    /// It is reported as hostile, and let through in every mode.
    Detect,
    /// It is let through; the record says that inspection was incomplete.
    Pass,
}

/// What is done when a body is not what its Content-Type says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnMalformed {
    /// The request counts as hostile.
    Block,
    /// It is reported as hostile, and let through in every mode.
    Detect,
    /// What rules find in it decides; the record says that it is malformed.
    #[default]
    Pass,
}

/// What is done when the engine itself failed on a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnInspectionFailure {
    /// The transaction counts as hostile.
    Block,
    /// It is let through; the record says that inspection was incomplete.
    #[default]
    Pass,
}

/// What a rule source is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// What its disruptive actions say is done.
    #[default]
    Enforce,
    /// Its matches only support the model; they never decide alone.
    Evidence,
}
