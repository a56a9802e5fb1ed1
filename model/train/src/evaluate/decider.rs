//! Who decides: signatures, the model, or both together.

use model::Confidence;

use super::Case;

/// A way to decide whether a request is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    /// Signatures alone.
    Signatures,
    /// The model alone, from a confidence on.
    Model(Confidence),
    /// Both, where the model alone suffices from a confidence on.
    Fused(Confidence),
    /// Both, by another rule; for comparison.
    Alternative(Fusion),
}

/// How signatures and model come to one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fusion {
    /// What the engine does: the model, or signatures; rules that are known to err need its support.
    Engine,
    /// Either suffices.
    Either,
    /// The model, or signatures that it supports.
    Supported,
    /// Either, or a match that would stop nothing alone if the model supports it.
    EitherOrMatch,
    /// The model, signatures that it supports, or two severe rules.
    SupportedOrAgreed,
}

impl Fusion {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Engine, Self::Either, Self::Supported, Self::EitherOrMatch, Self::SupportedOrAgreed];

    /// In one sentence.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Engine => {
                "the model at high, or signatures; rules that wait for the model, with it at medium or above"
            }
            Self::Either => "signatures, or the model at high",
            Self::Supported => "the model at high, or signatures with the model at medium or above",
            Self::EitherOrMatch => {
                "signatures, the model at high, or any rule that matched with the model at medium or above"
            }
            Self::SupportedOrAgreed => {
                "the model at high, signatures with the model at medium or above, or signatures when \
                 several severe rules agree"
            }
        }
    }

    fn stops(self, case: &Case<'_>, level: Confidence) -> bool {
        let signatures = &case.origin.signatures;
        let (critical, medium) = (case.reaches(level), case.reaches(Confidence::Medium));
        match self {
            Self::Engine => critical || signatures.sure || signatures.seconded && medium,
            Self::Either => critical || signatures.stopped,
            Self::Supported => critical || signatures.stopped && medium,
            Self::EitherOrMatch => critical || signatures.stopped || !signatures.rules.is_empty() && medium,
            Self::SupportedOrAgreed => {
                critical || signatures.stopped && (medium || signatures.severe && signatures.rules.len() > 1)
            }
        }
    }
}

/// The fusion that the default policy uses.
pub(crate) const DEFAULT: Fusion = Fusion::Engine;

impl Decider {
    /// The deciders that tables show, in order.
    pub const SHOWN: [Self; 7] = [
        Self::Signatures,
        Self::Model(Confidence::Medium),
        Self::Model(Confidence::High),
        Self::Model(Confidence::Critical),
        Self::Fused(Confidence::Medium),
        Self::Fused(Confidence::High),
        Self::Fused(Confidence::Critical),
    ];
    /// Which of [`Decider::SHOWN`] the default policy is.
    pub const DEFAULT: usize = 5;

    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Signatures => "signatures".to_owned(),
            Self::Model(level) => format!("model {}", level_name(level)),
            Self::Fused(level) => format!("fused {}", level_name(level)),
            Self::Alternative(fusion) => fusion.sentence().to_owned(),
        }
    }

    /// Whether it stops a request.
    #[must_use]
    pub fn stops(self, case: &Case<'_>) -> bool {
        match self {
            Self::Signatures => case.origin.signatures.stopped,
            Self::Model(level) => case.reaches(level),
            Self::Fused(level) => DEFAULT.stops(case, level),
            Self::Alternative(fusion) => fusion.stops(case, Confidence::DECISIVE),
        }
    }
}

pub(crate) fn level_name(level: Confidence) -> &'static str {
    match level {
        Confidence::Low => "low",
        Confidence::Medium => "medium",
        Confidence::High => "high",
        Confidence::Critical => "critical",
    }
}
