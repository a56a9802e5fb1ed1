//! Tokens of markup as the C library's driver writes them: a line each, the kind, how many bytes, the text.

use super::html5::{Html, Kind, Place, Token};

pub(in crate::libinjection) fn tokens(value: &[u8]) -> Vec<u8> {
    let html = Html::read(value, Place::Text);
    html.into_iter().flatten().flat_map(|token| line(&token)).collect()
}

fn line(token: &Token<'_>) -> Vec<u8> {
    let name = NAMES.iter().find(|(kind, _)| *kind == token.kind).map_or("", |(_, name)| *name);
    [format!("{name},{},", token.text.len()).as_bytes(), token.text, b"\n"].concat()
}

/// Of the C library's tokens those that the port has too. A text may hold line ends: its length says where it ends.
pub(in crate::libinjection) fn kept(mut lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while !lines.is_empty() {
        let mut parts =
            lines.splitn(3, |byte| *byte == b',').map(|part| std::str::from_utf8(part).unwrap_or_default());
        let (name, length) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let length = name.len() + length.len() + 2 + length.parse::<usize>().expect("a length");
        // The driver leaves out white space at the very end.
        let (line, rest) = lines.split_at(length.min(lines.len()));
        lines = rest.strip_prefix(b"\n").unwrap_or(rest);
        if NAMES.iter().any(|(_, known)| *known == name) {
            out.extend_from_slice(line);
            out.extend(std::iter::repeat_n(b' ', length - line.len()));
            out.push(b'\n');
        }
    }
    out
}

const NAMES: [(Kind, &str); 5] = [
    (Kind::AttributeName, "ATTR_NAME"),
    (Kind::AttributeValue, "ATTR_VALUE"),
    (Kind::Comment, "TAG_COMMENT"),
    (Kind::Doctype, "DOCTYPE"),
    (Kind::TagName, "TAG_NAME_OPEN"),
];
