//! SecLang text to a [`Ruleset`]: lexer, parser, lowering.
//!
//! ```
//! use signatures::seclang::{self, MemoryFiles, Source};
//!
//! let text = "SecRule ARGS \"@rx attack\" \"id:1,phase:2,t:lowercaes,deny\"";
//! let loaded = seclang::load(vec![Source::text("local.conf", text)], &MemoryFiles::default());
//! assert_eq!(loaded.diagnostics[0].code, "unknown-transformation");
//! ```

mod ahead;
mod crs;
mod files;
mod lexer;
mod loader;
mod lower;
mod mapped;
mod parser;
mod reference;

pub use crs::crs_layout;
pub use files::{FileReader, MemoryFiles, glob_matches};
pub use reference::{Entry, Kind, Support, reference};

use crate::{Diagnostic, Location, RuleId, Ruleset, Severity};

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
    /// Everything that was found wrong, in the order of the files; then lints, if they were asked for.
    pub diagnostics: Vec<Diagnostic>,
    /// What is worth a thought, and no reason to complain: shown to those who ask for it.
    pub notes: Vec<Diagnostic>,
    /// Rules that `SecRuleRemoveById` and its like removed, and where.
    pub removed: Vec<(RuleId, Location)>,
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
    read(sources, reader).finish()
}

/// The same with lints: rules that load and cannot be what was meant. They take a third as long again, and
/// are for those who write rules, not for those who start a proxy.
#[must_use]
pub fn check(sources: Vec<Source>, reader: &dyn FileReader) -> Loaded {
    let mut loader = read(sources, reader);
    loader.lint();
    loader.finish()
}

fn read(sources: Vec<Source>, reader: &dyn FileReader) -> loader::Loader<'_> {
    let mut loader = loader::Loader::new(reader);
    for source in sources {
        loader.source(source);
    }
    loader
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_read(text: String) {
        let loaded = check(vec![Source::text("any.conf", text)], &MemoryFiles::default());
        let places = loaded.diagnostics.iter().flat_map(|found| {
            found.location.iter().chain(found.related.as_ref().map(|(location, _)| location))
        });
        for Location { file, span } in places {
            assert!(span.start <= span.end && file.text.get(span.clone()).is_some(), "{span:?}");
        }
        for found in loaded.diagnostics.iter().take(20) {
            assert!(!found.render(false).is_empty());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_faults_lie_within_it(text in "(?s).{0,200}") {
            is_read(text);
        }

        #[test]
        fn anything_like_rules_is_read(parts in prop::collection::vec(prop::sample::select(PARTS), 0..40)) {
            is_read(parts.concat());
        }
    }

    const PARTS: &[&str] = &[
        "SecRule ",
        "SecAction ",
        "SecMarker ",
        "SecDefaultAction ",
        "SecRuleUpdateTargetById ",
        "SecRuleEngine ",
        "SecRuleRemoveById ",
        "SecRuleUpdateActionById ",
        "Include ",
        "ARGS",
        "XML",
        "TX",
        "REQUEST_URI",
        ":",
        "|",
        "!",
        "&",
        "/",
        "*",
        "@",
        "@rx ",
        "@pm ",
        "@within ",
        "\"",
        "'",
        "\\",
        "\n",
        "\\\n",
        " ",
        "#",
        ",",
        ";",
        "=",
        "+",
        "%{",
        "}",
        "tx.0",
        ".",
        "id:",
        "1",
        "phase:",
        "2",
        "deny",
        "chain",
        "t:",
        "none",
        "lowercase",
        "setvar:",
        "ctl:",
        "ruleRemoveTargetById=",
        "skipAfter:",
        "msg:",
        "é",
        "(",
        "[",
        "<IfModule>",
        "\u{0}",
    ];

    #[test]
    fn files_include_each_other_within_bounds() {
        let files = MemoryFiles::default()
            .with("r/a.conf", "Include b/*.conf\nSecMarker A")
            .with("r/b/2.conf", "SecMarker B2")
            .with("r/b/1.conf", "SecMarker B1\nSecRule ARGS \"@pmFromFile x.data\" \"id:1,phase:2,deny\"")
            .with("r/b/x.data", "one\ntwo")
            .with("loop.conf", "Include loop.conf");
        let loaded = load(vec![Source::path("r/a.conf")], &files);
        assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
        let markers = &loaded.ruleset.markers[0];
        assert!(markers["B1"] < markers["B2"] && markers["B2"] < markers["A"]);
        for (path, code) in [("loop.conf", "unreadable-file"), ("none.conf", "unreadable-file")] {
            let loaded = load(vec![Source::path(path)], &files);
            assert_eq!(
                loaded.diagnostics.iter().map(|found| found.code).collect::<Vec<_>>(),
                [code],
                "{path}"
            );
        }
    }
}
