//! SecLang text to a [`Ruleset`]: lexer, parser, lowering.
//!
//! ```
//! use signatures::seclang::{self, MemoryFiles, Source};
//!
//! let text = "SecRule ARGS \"@rx attack\" \"id:1,phase:2,t:lowercaes,deny\"";
//! let loaded = seclang::load(vec![Source::text("local.conf", text)], &MemoryFiles::default());
//! assert_eq!(loaded.diagnostics[0].code, "unknown-transformation");
//! ```

mod crs;
mod files;
mod lexer;
mod loader;
mod lower;
mod mapped;
mod parser;

pub use crs::crs_layout;
pub use files::{FileReader, MemoryFiles, glob_matches};

use crate::{Diagnostic, Ruleset, Severity};

/// Rules to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file that a [`FileReader`] reads.
    Path(String),
    /// Text that is already here.
    Text {
        /// What diagnostics call it: `builtin:NAME`, `inline`.
        name: String,
        /// The rules.
        text: String,
    },
}

impl Source {
    /// A file.
    #[must_use]
    pub fn path(path: impl Into<String>) -> Self {
        Self::Path(path.into())
    }

    /// Text with a name for diagnostics.
    #[must_use]
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Text { name: name.into(), text: text.into() }
    }
}

/// What became of the sources.
#[derive(Debug)]
pub struct Loaded {
    /// The rules. Those with errors are not in it: it is not to be run when [`Self::has_errors`].
    pub ruleset: Ruleset,
    /// Everything that was found wrong, in the order of the files.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Whether the ruleset must not replace the running one.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Loads rules from sources, in order, as one configuration; finds all that is wrong at once.
#[must_use]
pub fn load(sources: Vec<Source>, reader: &dyn FileReader) -> Loaded {
    let mut loader = loader::Loader::new(reader);
    for source in sources {
        loader.source(source);
    }
    loader.finish()
}
