//! SecLang text taken apart into rules and other directives, each with what it says word for word.

use std::ops::Range;

/// A directive with its continued lines, or a rule with those chained to it; comments before it included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// Where it stands in the text, its comments included.
    pub(super) span: Range<usize>,
    /// Where its directive begins.
    pub(super) begin: usize,
    /// The directive's name as written.
    pub(super) name: String,
    /// Its words, quotes removed.
    pub(super) words: Vec<String>,
}

/// All directives of a text, in order, and where the last of them ends.
pub(super) fn units(text: &str) -> (Vec<Unit>, usize) {
    let mut units: Vec<Unit> = Vec::new();
    let mut start = 0;
    let mut chained = false;
    for line in logical_lines(text) {
        let content = text[line.clone()].trim_start();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let begin = line.end - content.len();
        let mut words = words(content).into_iter();
        let name = words.next().unwrap_or_default();
        let words: Vec<_> = words.collect();
        let goes_on = goes_on(&name, &words);
        match units.last_mut().filter(|_| chained) {
            Some(unit) => unit.span.end = line.end,
            None => units.push(Unit { span: start..line.end, begin, name, words }),
        }
        chained = goes_on;
        start = line.end;
    }
    (units, start)
}

/// Whether the next rule belongs to this one.
fn goes_on(name: &str, words: &[String]) -> bool {
    let is_chain = |word: &str| word.trim().eq_ignore_ascii_case("chain");
    let is_rule = name.eq_ignore_ascii_case("SecRule") || name.eq_ignore_ascii_case("SecAction");
    is_rule && words.last().is_some_and(|actions| actions.split(',').any(is_chain))
}

/// Lines, with those that a backslash at the end goes on to; each with its line's end.
fn logical_lines(text: &str) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        at += line.len();
        if !line.trim_end().ends_with('\\') {
            lines.push(start..at);
            start = at;
        }
    }
    if start < at {
        lines.push(start..at);
    }
    lines
}

/// The words of a logical line, as Apache divides them.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut quote = None;
    let joined = line.replace("\\\r\n", "").replace("\\\n", "");
    let mut letters = joined.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), '\\') if letters.peek() == Some(&open) => {
                word.get_or_insert_default().extend(letters.next());
            }
            (Some(open), _) if letter == open => {
                quote = None;
                words.extend(word.take());
            }
            (None, '"' | '\'') if word.is_none() => {
                quote = Some(letter);
                word = Some(String::new());
            }
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_text_apart() {
        let text = "# about\nSecRuleEngine On\n\nSecRule ARGS \"@rx \\\"a b\\\"\" \\\n  \"id:1,chain\"\n  # and\n  SecRule B c\nInclude 'x y'";
        let (found, end) = units(text);
        let shown: Vec<_> = found.iter().map(|unit| (unit.name.as_str(), unit.words.join("|"))).collect();
        assert_eq!(
            shown,
            [
                ("SecRuleEngine", "On".to_owned()),
                ("SecRule", "ARGS|@rx \"a b\"|id:1,chain".to_owned()),
                ("Include", "x y".to_owned()),
            ]
        );
        assert_eq!(&text[found[0].span.clone()], "# about\nSecRuleEngine On\n");
        assert!(text[found[1].span.clone()].ends_with("SecRule B c\n"));
        assert_eq!(end, text.len());
    }
}
