//! Reads sources, follows `Include`, hands directives to lowering.

use std::sync::Arc;

use super::ahead;
use super::files::{Beside, beside};
use super::lexer::{Directive, lex};
use super::lower::Lowering;
use super::mapped::Mapped;
use super::{FileReader, Loaded, Source};
use crate::{Diagnostic, SourceFile};

/// How deep `Include`s go.
const INCLUDE_DEPTH_MAX: usize = 16;
/// How many files are read.
const FILES_MAX: usize = 10_000;
/// How much text is read (bytes).
const TEXT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Loads sources into one ruleset.
pub(super) struct Loader<'a> {
    reader: &'a dyn FileReader,
    lowering: Lowering,
    /// The files being read: the one at the end was included by the one before.
    open: Vec<String>,
    files: usize,
    text_bytes: usize,
}

impl<'a> Loader<'a> {
    pub(super) fn new(reader: &'a dyn FileReader) -> Self {
        Self { reader, lowering: Lowering::default(), open: Vec::new(), files: 0, text_bytes: 0 }
    }

    pub(super) fn source(&mut self, source: Source) {
        match source {
            Source::Text { name, text } => self.text(name, text, None),
            Source::Path(path) => self.file(path, None),
        }
    }

    /// Looks for rules that load and cannot be what was meant.
    pub(super) fn lint(&mut self) {
        self.lowering.lint();
    }

    pub(super) fn finish(self) -> Loaded {
        self.lowering.finish()
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.lowering.diagnostics.push(diagnostic);
    }

    /// Reads a file; `included` is where a file asked for it.
    fn file(&mut self, path: String, included: Option<&Mapped>) {
        match self.read(&path) {
            Ok((text, wrong)) => self.text(path, text, wrong),
            Err(reason) => {
                let diagnostic =
                    Diagnostic::error("unreadable-file", format!("cannot read `{path}`: {reason}"));
                self.report(match included {
                    Some(place) => diagnostic.at(place.location(), "included here"),
                    None => diagnostic,
                });
            }
        }
    }

    /// The text of a file, and where it has the first bytes that are not UTF-8.
    fn read(&mut self, path: &str) -> Result<(String, Option<usize>), String> {
        if self.open.iter().any(|open| open == path) {
            return Err("it includes itself".to_owned());
        }
        if self.open.len() == INCLUDE_DEPTH_MAX {
            return Err(format!("files are included more than {INCLUDE_DEPTH_MAX} deep"));
        }
        if self.files == FILES_MAX {
            return Err(format!("more than {FILES_MAX} files"));
        }
        self.files += 1;
        let bytes = self.reader.read(path)?;
        self.text_bytes += bytes.len();
        if self.text_bytes > TEXT_BYTES_MAX {
            return Err(format!("more than {TEXT_BYTES_MAX} bytes of rules"));
        }
        Ok(match String::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) => {
                let wrong = error.utf8_error().valid_up_to();
                (String::from_utf8_lossy(error.as_bytes()).into_owned(), Some(wrong))
            }
        })
    }

    /// Reads a text; `wrong` is where it had the first bytes that are not UTF-8.
    fn text(&mut self, path: String, text: String, wrong: Option<usize>) {
        let file = Arc::new(SourceFile { path: path.clone(), text });
        self.open.push(path);
        let mut found = Vec::new();
        if let Some(at) = wrong {
            let place = Mapped::range(&file, at..at + char::REPLACEMENT_CHARACTER.len_utf8()).location();
            self.report(
                Diagnostic::warning("not-utf8", "the file is not UTF-8")
                    .at(place, "the first bytes that are not; each is read as U+FFFD")
                    .help("save it as UTF-8, and write other bytes as `\\xHH` in patterns".to_owned()),
            );
        }
        let directives = lex(&file, &mut found);
        let _patterns = ahead::compile(&directives);
        let mut found = found.into_iter().peekable();
        for directive in directives {
            let here = directive.name.location().span.start;
            while let Some(earlier) = found.next_if(|found| stands_before(found, here)) {
                self.report(earlier);
            }
            self.directive(&file, &directive);
        }
        found.for_each(|found| self.report(found));
        self.lowering.end_chain();
        self.open.pop();
    }

    fn directive(&mut self, file: &Arc<SourceFile>, directive: &Directive) {
        match directive.name.as_str().to_ascii_lowercase().as_str() {
            "include" => self.include(&file.path, directive, true),
            "includeoptional" => self.include(&file.path, directive, false),
            _ => {
                let files = Beside { reader: self.reader, rule_file: &file.path };
                self.lowering.directive(directive, &files);
            }
        }
    }

    fn include(&mut self, from: &str, directive: &Directive, required: bool) {
        if directive.words.is_empty() {
            self.report(
                Diagnostic::error("missing-argument", format!("`{}` needs a path", directive.name.as_str()))
                    .at(directive.name.location(), "expected a path after this"),
            );
        }
        for word in &directive.words {
            match self.expand(&beside(from, word.as_str())) {
                Ok(paths) if paths.is_empty() && required => self.report(
                    Diagnostic::error("no-such-file", format!("no file matches `{}`", word.as_str()))
                        .at(word.location(), "relative to this file")
                        .help("use `IncludeOptional` if there may be none".to_owned()),
                ),
                Ok(paths) => paths.into_iter().for_each(|path| self.file(path, Some(word))),
                Err(reason) => self.report(
                    Diagnostic::error(
                        "no-such-file",
                        format!("cannot look for `{}`: {reason}", word.as_str()),
                    )
                    .at(word.location(), "included here"),
                ),
            }
        }
    }

    /// The files a path with wildcards means, sorted as bytes: the order in which Apache and nginx read them.
    fn expand(&self, pattern: &str) -> Result<Vec<String>, String> {
        let mut paths = self.reader.glob(pattern)?;
        paths.sort();
        Ok(paths)
    }
}

fn stands_before(found: &Diagnostic, place: usize) -> bool {
    found.location.as_ref().is_none_or(|location| location.span.start < place)
}
