//! Where it is written down what was judged wrongly, a JSON line each.

use std::fs::File;
use std::io::{BufWriter, Result, Write};
use std::path::Path;

use serde_json::Value;

/// The file, if one is wanted, as long as it can be written.
pub(crate) struct Mistakes {
    file: Option<BufWriter<File>>,
    told: Result<()>,
}

impl Mistakes {
    /// Writes to a file, or nowhere.
    pub(crate) fn create(file: Option<&Path>) -> Result<Self> {
        Ok(Self { file: file.map(File::create).transpose()?.map(BufWriter::new), told: Ok(()) })
    }

    /// One more. That it cannot be written is said at the [end](Mistakes::finish).
    pub(crate) fn tell(&mut self, mistake: impl FnOnce() -> Value) {
        if let Some(file) = self.file.as_mut().filter(|_| self.told.is_ok()) {
            self.told = writeln!(file, "{}", mistake());
        }
    }

    /// Whether all of them could be written.
    pub(crate) fn finish(self) -> Result<()> {
        self.told?;
        self.file.map_or(Ok(()), |mut file| file.flush())
    }
}
