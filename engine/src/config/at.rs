//! A place in a configuration, and errors that point at it.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use signatures::{Diagnostic, Location, Severity, SourceFile};

use super::node::Node;

/// Collects what is wrong with one file.
#[derive(Debug)]
pub(crate) struct Findings {
    file: Arc<SourceFile>,
    found: RefCell<Vec<Diagnostic>>,
    /// Where the keys stand whose values have errors.
    spoilt: RefCell<HashSet<usize>>,
}

impl Findings {
    pub(crate) fn new(file: Arc<SourceFile>) -> Self {
        Self { file, found: RefCell::default(), spoilt: RefCell::default() }
    }

    fn add(&self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        self.found.borrow_mut().extend(diagnostics);
    }

    /// Whether an error was found; warnings do not count.
    pub(crate) fn has_errors(&self) -> bool {
        self.found.borrow().iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Where the keys stand whose values have errors so far (byte offsets).
    pub(crate) fn spoilt(&self) -> HashSet<usize> {
        self.spoilt.borrow().clone()
    }

    /// What was found, in the order of the text.
    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|diagnostic| diagnostic.location.as_ref().map_or(0, |place| place.span.start));
        found
    }
}

/// A place in a configuration: the node at a path, and the key that leads to it.
#[derive(Clone, Debug)]
pub(crate) struct At<'a> {
    findings: &'a Findings,
    node: Option<&'a Node>,
    /// The nearest key above that is there.
    key: Range<usize>,
    /// Where the key stands whose value this is, or is an item of.
    entry: usize,
}

impl<'a> At<'a> {
    pub(crate) fn root(findings: &'a Findings, node: &'a Node) -> Self {
        Self { findings, node: Some(node), key: 0..0, entry: usize::MAX }
    }

    /// The node; `None` when it is absent or null.
    pub(crate) fn node(&self) -> Option<&'a Node> {
        self.node
    }

    /// The value under `key`.
    pub(crate) fn key(&self, key: &str) -> Self {
        let node = self.node.and_then(|node| node.get(key));
        let key = self.node.and_then(|node| node.key_span(key)).unwrap_or_else(|| self.span());
        Self { findings: self.findings, node, entry: key.start, key }
    }

    /// The item at `index`.
    pub(crate) fn item(&self, index: usize) -> Self {
        let node = self.node.and_then(|node| node.item(index));
        let key = node.map_or_else(|| self.key.clone(), Node::caret);
        Self { findings: self.findings, node, key, entry: self.entry }
    }

    /// The place itself.
    pub(crate) fn location(&self) -> Location {
        Location { file: self.findings.file.clone(), span: self.span() }
    }

    /// Begins an error.
    pub(crate) fn error(&self, code: &'static str, title: impl Into<String>) -> Draft<'a> {
        self.draft(Severity::Error, code, title.into())
    }

    /// Begins a warning.
    pub(crate) fn warning(&self, code: &'static str, title: impl Into<String>) -> Draft<'a> {
        self.draft(Severity::Warning, code, title.into())
    }

    /// The path of a file that the configuration names, found from the working directory.
    pub(crate) fn beside(&self, file: &str) -> String {
        let path = &self.findings.file.path;
        let directory = path.rfind('/').filter(|_| !file.starts_with('/')).map_or("", |at| &path[..=at]);
        format!("{directory}{file}")
    }

    fn span(&self) -> Range<usize> {
        self.node.map_or_else(|| self.key.clone(), Node::caret)
    }

    fn draft(&self, severity: Severity, code: &'static str, title: String) -> Draft<'a> {
        let location = self.location();
        let (label, help) = (String::new(), None);
        let diagnostic =
            Diagnostic { severity, code, title, location: Some(location), label, related: None, help };
        Draft { findings: self.findings, key: self.key.clone(), entry: self.entry, diagnostic }
    }
}

/// A diagnostic that is being written; it counts once [`Draft::report`] is called.
#[must_use]
pub(crate) struct Draft<'a> {
    findings: &'a Findings,
    key: Range<usize>,
    entry: usize,
    diagnostic: Diagnostic,
}

impl Draft<'_> {
    /// What the caret says.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.diagnostic.label = label.into();
        self
    }

    /// The way out.
    pub(crate) fn help(mut self, help: impl Into<Option<String>>) -> Self {
        self.diagnostic.help = help.into();
        self
    }

    /// Puts the caret under the key instead of the value.
    pub(crate) fn at_key(mut self) -> Self {
        if let Some(location) = &mut self.diagnostic.location {
            location.span = self.key.clone();
        }
        self
    }

    /// Adds it to what was found.
    pub(crate) fn report(self) {
        self.findings.spoilt.borrow_mut().insert(self.entry);
        self.findings.add([self.diagnostic]);
    }
}
