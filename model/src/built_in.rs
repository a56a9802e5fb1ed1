//! The model that comes with Portcullis.

use std::sync::{Arc, OnceLock};

use crate::{ArtifactError, Model};

/// Made by `portcullis train`; what of and what it can do is in `default.md` beside it.
const BYTES: &[u8] = include_bytes!("../default.bin");

impl Model {
    /// The model that comes with Portcullis; one for the whole process, as it never changes.
    ///
    /// # Panics
    /// When the program was built with a file that is no model: a test reads it, so no release is.
    #[must_use]
    pub fn built_in() -> Arc<Self> {
        static MODEL: OnceLock<Arc<Model>> = OnceLock::new();
        let read = || Arc::new(Self::try_built_in().expect("the model of this build"));
        MODEL.get_or_init(read).clone()
    }

    fn try_built_in() -> Result<Self, ArtifactError> {
        Self::from_bytes(BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage2;

    #[test]
    fn is_of_this_code() {
        let model = Model::try_built_in().unwrap();
        assert_eq!(model.artifact().header.features, stage2::names());
        assert!(!model.artifact().header.manifest.is_empty(), "says what it was trained on");
        assert!(BYTES.len() <= crate::artifact::BYTES_MAX);
    }
}
