//! What a policy asks of the model.

use model::Confidence;
use signatures::Location;

use super::spec::{ConfidenceSpec, ModelSpec};
use crate::config::At;

/// A model and when it decides.
#[derive(Clone, Debug)]
pub struct ModelPolicy {
    /// Where it comes from.
    pub origin: ModelOrigin,
    /// The confidence from which a transaction is hostile without any rule.
    pub minimum_confidence: Confidence,
    /// Where the configuration names it.
    pub place: Location,
}

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ModelOrigin {
    /// The one that comes with Portcullis.
    Default,
    /// A file that `portcullis train` wrote, relative to the configuration's directory.
    File(String),
}

impl ModelOrigin {
    fn named(name: &str) -> Self {
        if name == "default" { Self::Default } else { Self::File(name.to_owned()) }
    }
}

pub(super) fn check(spec: Option<&ModelSpec>, at: &At<'_>) -> Option<ModelPolicy> {
    let (origin, minimum) = match spec {
        None => (ModelOrigin::Default, None),
        Some(ModelSpec::Name(name)) if name == "none" => return None,
        Some(ModelSpec::Name(name)) => (ModelOrigin::named(name), None),
        Some(ModelSpec::Settings(settings)) => {
            let file = settings.file.clone();
            (file.map_or(ModelOrigin::Default, ModelOrigin::File), settings.minimum_confidence)
        }
    };
    let minimum_confidence = match minimum {
        Some(ConfidenceSpec::Medium) => Confidence::Medium,
        Some(ConfidenceSpec::High) => Confidence::High,
        Some(ConfidenceSpec::Critical) => Confidence::Critical,
        None => Confidence::DECISIVE,
    };
    Some(ModelPolicy { origin, minimum_confidence, place: at.location() })
}
