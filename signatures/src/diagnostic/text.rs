//! Diagnostics as text, in the manner of rustc.

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Location, Severity};

impl Diagnostic {
    /// Draws the diagnostic; with colours for a terminal, without for files and snapshots.
    #[must_use]
    pub fn render(&self, colours: bool) -> String {
        let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[self.group()])
    }

    fn group(&self) -> Group<'_> {
        let title = level(self.severity).primary_title(self.title.as_str()).id(self.code);
        let mut group = Group::with_title(title);
        for snippet in self.snippets() {
            group = group.element(snippet);
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        group
    }

    /// One snippet, or two when the related place is in another file.
    fn snippets(&self) -> Vec<Snippet<'_, Annotation<'_>>> {
        let Some(location) = &self.location else { return Vec::new() };
        let primary = snippet(location, AnnotationKind::Primary, &self.label);
        match &self.related {
            None => vec![primary],
            Some((other, label)) if other.file.path == location.file.path => {
                vec![primary.annotation(annotation(other, AnnotationKind::Context, label))]
            }
            Some((other, label)) => vec![primary, snippet(other, AnnotationKind::Context, label)],
        }
    }
}

fn snippet<'a>(location: &'a Location, kind: AnnotationKind, label: &'a str) -> Snippet<'a, Annotation<'a>> {
    Snippet::source(location.file.text.as_str())
        .path(location.file.path.as_str())
        .annotation(annotation(location, kind, label))
}

fn annotation<'a>(location: &'a Location, kind: AnnotationKind, label: &'a str) -> Annotation<'a> {
    kind.span(location.drawable()).label(label)
}

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Note => Level::NOTE,
        Severity::Warning => Level::WARNING,
        Severity::Error => Level::ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use crate::Diagnostic;

    #[test]
    fn draws_the_place_and_the_way_out() {
        let expected = "\
error[unknown-transformation]: unknown transformation `lowercaes`
 --> rules/local.conf:2:24
  |
2 |     \"id:1001,phase:2,t:lowercaes,deny\"
  |                        ^^^^^^^^^ not a transformation
  |
  = help: did you mean `lowercase`?";
        assert_eq!(sample().render(false), expected);
    }

    #[test]
    fn draws_without_a_place() {
        let drawn = Diagnostic::warning("no-rules", "no rule was loaded").render(false);
        assert_eq!(drawn, "warning[no-rules]: no rule was loaded");
    }
}
