//! SecLang text to directives and their words.
//!
//! As Apache reads it: a backslash before the line's end continues the line (a comment's too), `#`
//! begins a comment at the start of a line only, words are separated by white space and may stand in
//! single or double quotes, where a backslash before the quote keeps it. Other backslashes stay.

use std::ops::Range;
use std::sync::Arc;

use super::mapped::Mapped;
use crate::{Diagnostic, Location, SourceFile};

/// One directive: its name and its words, quotes removed.
#[derive(Debug)]
pub(super) struct Directive {
    pub(super) name: Mapped,
    pub(super) words: Vec<Mapped>,
}

impl Directive {
    /// The whole of it.
    pub(super) fn location(&self) -> Location {
        let (first, last) = (self.name.location(), self.words.last().unwrap_or(&self.name).location());
        // The quote that closes a word stands behind it.
        let quote = usize::from(first.file.text[last.span.end..].starts_with(['"', '\'']));
        Location { span: first.span.start..last.span.end + quote, file: first.file }
    }
}

/// Reads the directives of a file; what cannot be read is reported and left out.
pub(super) fn lex(file: &Arc<SourceFile>, out: &mut Vec<Diagnostic>) -> Vec<Directive> {
    let lines = Lines { file, at: byte_order_mark(file, out) }.logical(out);
    lines.iter().filter_map(|line| directive(line, out)).collect()
}

/// How many bytes a byte order mark takes at the begin of the file.
fn byte_order_mark(file: &Arc<SourceFile>, out: &mut Vec<Diagnostic>) -> usize {
    if !file.text.starts_with('\u{feff}') {
        return 0;
    }
    let length = '\u{feff}'.len_utf8();
    out.push(
        Diagnostic::warning("byte-order-mark", "the file begins with a byte order mark")
            .at(Mapped::range(file, 0..length).location(), "left out")
            .help(
                "save it as UTF-8 without one: other engines take it for a part of the first directive"
                    .to_owned(),
            ),
    );
    length
}

fn directive(line: &Mapped, out: &mut Vec<Diagnostic>) -> Option<Directive> {
    let mut words = Words { line, at: 0 };
    let name = words.next(out)?;
    let mut directive = Directive { name, words: Vec::new() };
    while !words.is_at_end() {
        directive.words.push(words.next(out)?);
    }
    Some(directive)
}

/// Physical lines, joined into logical ones.
struct Lines<'a> {
    file: &'a Arc<SourceFile>,
    at: usize,
}

/// A physical line: its range without the line's end and the continuing backslash.
struct Line {
    range: Range<usize>,
    continues: bool,
}

impl Lines<'_> {
    fn logical(mut self, out: &mut Vec<Diagnostic>) -> Vec<Mapped> {
        let mut lines = Vec::new();
        while let Some(line) = self.physical(out) {
            let text = self.file.text[line.range.clone()].trim_start();
            if text.starts_with('#') {
                self.skip_comment(line, out);
            } else if !text.is_empty() || line.continues {
                lines.push(self.join(line, out));
            }
        }
        lines
    }

    fn physical(&mut self, out: &mut Vec<Diagnostic>) -> Option<Line> {
        let rest = self.file.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.find('\n').unwrap_or(rest.len());
        let text = rest[..length].trim_end_matches('\r');
        let start = self.at;
        self.at += (length + 1).min(rest.len());
        if let Some(text) = text.strip_suffix('\\') {
            return Some(Line { range: start..start + text.len(), continues: true });
        }
        let trimmed = text.trim_end();
        if let Some(before) = trimmed.strip_suffix('\\') {
            if !before.trim_start().starts_with('#') {
                self.warn_of_space(start + before.len()..start + text.len(), out);
            }
            return Some(Line { range: start..start + before.len(), continues: true });
        }
        Some(Line { range: start..start + text.len(), continues: false })
    }

    fn warn_of_space(&self, range: Range<usize>, out: &mut Vec<Diagnostic>) {
        out.push(
            Diagnostic::warning(
                "space-after-backslash",
                "white space follows the backslash that continues a line",
            )
            .at(Mapped::range(self.file, range).location(), "taken as a continued line")
            .help("remove the white space: other engines do not continue the line".to_owned()),
        );
    }

    /// Leaves out the lines that a comment goes on to by a backslash.
    fn skip_comment(&mut self, mut line: Line, out: &mut Vec<Diagnostic>) {
        while line.continues {
            let Some(next) = self.physical(out) else { return };
            let text = self.file.text[next.range.clone()].trim();
            if !text.is_empty() && !text.starts_with('#') {
                out.push(
                    Diagnostic::warning(
                        "comment-continues",
                        "a comment that ends in a backslash hides the next line",
                    )
                    .at(
                        Mapped::range(self.file, next.range.clone()).trim().location(),
                        "part of the comment above",
                    )
                    .help("remove the backslash at the end of the comment".to_owned()),
                );
            }
            line = next;
        }
    }

    fn join(&mut self, mut line: Line, out: &mut Vec<Diagnostic>) -> Mapped {
        let mut joined = Mapped::range(self.file, line.range.clone());
        while line.continues {
            let Some(next) = self.physical(out) else { break };
            let text = &self.file.text[next.range.clone()];
            if text.trim_start().starts_with('#') {
                self.warn_of_comment(next.range.clone(), out);
            } else {
                joined.push_str(text, next.range.start);
            }
            line = next;
        }
        joined
    }

    fn warn_of_comment(&self, range: Range<usize>, out: &mut Vec<Diagnostic>) {
        out.push(
            Diagnostic::warning(
                "comment-in-directive",
                "a comment stands between the lines of one directive",
            )
            .at(Mapped::range(self.file, range).trim().location(), "left out")
            .help("move the comment before the directive: other engines read it as text".to_owned()),
        );
    }
}

/// The words of a logical line.
struct Words<'a> {
    line: &'a Mapped,
    at: usize,
}

impl Words<'_> {
    fn rest(&self) -> &str {
        &self.line.as_str()[self.at..]
    }

    fn is_at_end(&mut self) -> bool {
        self.at += self.rest().len() - self.rest().trim_start().len();
        self.rest().is_empty()
    }

    fn next(&mut self, out: &mut Vec<Diagnostic>) -> Option<Mapped> {
        if self.is_at_end() {
            return None;
        }
        match self.rest().chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote, out),
            Some(quote) if is_curly(quote) => {
                out.push(curly(self.line.slice(self.at..self.at + quote.len_utf8()).location(), quote));
                None
            }
            _ => Some(self.bare()),
        }
    }

    fn bare(&mut self) -> Mapped {
        let start = self.at;
        let length = bare_length(self.rest());
        self.at += length;
        self.line.slice(start..self.at)
    }

    fn quoted(&mut self, quote: char, out: &mut Vec<Diagnostic>) -> Option<Mapped> {
        let start = self.at + 1;
        let Some((word, length)) = unquote(self.line, start, quote, &[quote]) else {
            out.push(
                Diagnostic::error("unterminated-quote", format!("a word in `{quote}` does not end"))
                    .at(self.line.location_of(self.at..self.at + 1), "begins here")
                    .help("close it, or end the line with a backslash to go on in the next".to_owned()),
            );
            return None;
        };
        self.at = start + length;
        if self.rest().chars().next().is_some_and(|next| !next.is_whitespace()) {
            let end = self.at + bare_length(self.rest());
            let help = match &self.rest()[..end - self.at] {
                ";" => "remove it: a directive ends with its line".to_owned(),
                _ => format!("write `\\{quote}` for a quote within quotes"),
            };
            out.push(
                Diagnostic::error("text-after-quote", "text follows a closing quote")
                    .at(self.line.location_of(self.at..end), "expected white space")
                    .help(help),
            );
            return None;
        }
        Some(word)
    }
}

/// Quotes that word processors put in place of straight ones.
pub(super) fn is_curly(letter: char) -> bool {
    matches!(letter, '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}')
}

/// Says that such a quote is none.
pub(super) fn curly(place: Location, quote: char) -> Diagnostic {
    let straight = if matches!(quote, '\u{2018}'..='\u{201b}') { '\'' } else { '"' };
    Diagnostic::error("curly-quote", format!("`{quote}` is not a quote"))
        .at(place, "pasted from a text with curly quotes")
        .help(format!("write straight quotes: `{straight}`"))
}

/// Up to white space; a value in single quotes after a colon may hold some (`ARGS:'/a b/'`).
fn bare_length(rest: &str) -> usize {
    let mut quoted = false;
    let mut before = ' ';
    for (at, c) in rest.char_indices() {
        match c {
            '\'' if quoted => quoted = before == '\\',
            '\'' if before == ':' => quoted = rest[at + 1..].contains('\''),
            c if c.is_whitespace() && !quoted => return at,
            _ => {}
        }
        before = c;
    }
    rest.len()
}

/// The text from `start` to `quote`, with the backslash removed before each of `escapable`; and how
/// many bytes it took, quote included. `None` when the quote does not come.
pub(super) fn unquote(
    text: &Mapped,
    start: usize,
    quote: char,
    escapable: &[char],
) -> Option<(Mapped, usize)> {
    let rest = &text.as_str()[start..];
    let mut word = text.slice(start..start);
    let mut copied = 0;
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            word.push_from(text, start + copied..start + at);
            return Some((word, at + c.len_utf8()));
        }
        if c != '\\' {
            continue;
        }
        if let Some((next, escaped)) = chars.next()
            && escapable.contains(&escaped)
        {
            word.push_from(text, start + copied..start + at);
            copied = next;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> (Vec<Vec<String>>, Vec<&'static str>) {
        let file = Arc::new(SourceFile { path: "x".to_owned(), text: text.to_owned() });
        let mut out = Vec::new();
        let all =
            |d: &Directive| std::iter::once(&d.name).chain(&d.words).map(|w| w.as_str().to_owned()).collect();
        let lines = lex(&file, &mut out).iter().map(all).collect();
        (lines, out.iter().map(|diagnostic| diagnostic.code).collect())
    }

    #[test]
    fn splits_lines_into_words() {
        let rows: &[(&str, &[&[&str]])] = &[
            ("", &[]),
            ("# x\n\n  \t\n", &[]),
            ("A b  c\nD\r\n", &[&["A", "b", "c"], &["D"]]),
            ("A \"b c\" 'd e'", &[&["A", "b c", "d e"]]),
            (r#"A "b \"c\" \d \\""#, &[&["A", r#"b "c" \d \\"#]]),
            ("A \\\n  b\\\nc\nD", &[&["A", "bc"], &["D"]]),
            ("# A \\\n# b\nC", &[&["C"]]),
            ("A ARGS:'/a b/'|B c", &[&["A", "ARGS:'/a b/'|B", "c"]]),
            ("A \"\" b", &[&["A", "", "b"]]),
            ("A b \\", &[&["A", "b"]]),
        ];
        for (text, expected) in rows {
            let (lines, codes) = words(text);
            assert_eq!(lines, *expected, "{text}");
            assert!(codes.is_empty(), "{text}: {codes:?}");
        }
    }

    #[test]
    fn reports_what_is_not_as_it_seems() {
        let rows: &[(&str, &str, usize)] = &[
            ("A \"b", "unterminated-quote", 0),
            ("A \"b\"c\"", "text-after-quote", 0),
            ("# a \\\nSecRule b", "comment-continues", 0),
            ("A \\\n#b \\\nc", "comment-in-directive", 1),
            ("A \\ \nb", "space-after-backslash", 1),
            ("A \u{201c}b\u{201d}", "curly-quote", 0),
            ("\u{feff}A b", "byte-order-mark", 1),
        ];
        for (text, code, directives) in rows {
            let (lines, codes) = words(text);
            assert_eq!((codes, lines.len()), (vec![*code], *directives), "{text}");
        }
    }
}
