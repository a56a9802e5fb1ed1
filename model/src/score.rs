//! What the model concludes.

/// How hostile the model takes a transaction to be: 0 ordinary, 1 hostile. Not an anomaly score, which
/// is what the Core Rule Set calls its sum of rule scores.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct ModelScore(pub f32);

/// The band of [`ModelScore`] a policy asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// Not worth a look.
    Low,
    /// Hostile if rules agree.
    Medium,
    /// Hostile.
    High,
    /// Hostile beyond reasonable doubt.
    Critical,
}

impl Confidence {
    /// From which on a policy that says nothing about it takes the model's word alone.
    pub const DECISIVE: Self = Self::High;

    /// How decision records and policies spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}
