//! A YAML document as a tree whose every node knows where it stands.

use std::collections::HashSet;
use std::ops::Range;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde_json::Value;

/// A YAML node.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Byte offsets in the text.
    pub(crate) span: Range<usize>,
    /// What stands there.
    pub(crate) content: Content,
}

/// What stands at a [`Node`].
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Range<usize>,
    pub(crate) value: Node,
}

/// Why a text is not a YAML document.
#[derive(Debug)]
pub(crate) struct NodeError {
    pub(crate) message: String,
    pub(crate) span: Range<usize>,
}

impl Node {
    /// Parses the one document of `text`; an empty text is a null.
    pub(crate) fn parse(text: &str) -> Result<Self, NodeError> {
        let offsets = Offsets::new(text);
        let documents = MarkedYaml::load_from_str(text).map_err(|error| offsets.scan_error(&error))?;
        match documents.as_slice() {
            [] => Ok(Self { span: 0..0, content: Content::Null }),
            [document] => offsets.node(document),
            [_, second, ..] => Err(NodeError {
                message: "expected one YAML document, found several".into(),
                span: offsets.range(second.span.start.index(), second.span.start.index() + 1),
            }),
        }
    }

    /// Parses all documents of `text`.
    pub(crate) fn parse_all(text: &str) -> Result<Vec<Self>, NodeError> {
        let offsets = Offsets::new(text);
        let documents = MarkedYaml::load_from_str(text).map_err(|error| offsets.scan_error(&error))?;
        documents.iter().map(|document| offsets.node(document)).collect()
    }

    /// The text that stands here, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// The value under `key`; `None` when it is absent or null.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Content::Map(entries) = &self.content else { return None };
        let entry = entries.iter().find(|entry| entry.key == key)?;
        (!matches!(entry.value.content, Content::Null)).then_some(&entry.value)
    }

    /// The keys of a map, with their places.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Where the key `key` itself stands.
    pub(crate) fn key_span(&self, key: &str) -> Option<Range<usize>> {
        let Content::Map(entries) = &self.content else { return None };
        entries.iter().find(|entry| entry.key == key).map(|entry| entry.key_span.clone())
    }

    /// The item at `index` of a list.
    pub(crate) fn item(&self, index: usize) -> Option<&Self> {
        match &self.content {
            Content::List(items) => items.get(index),
            _ => None,
        }
    }

    /// Where a caret belongs: under a scalar, or under the first key of a map.
    pub(crate) fn caret(&self) -> Range<usize> {
        match &self.content {
            Content::Map(entries) => {
                entries.first().map_or_else(|| self.span.clone(), |entry| entry.key_span.clone())
            }
            Content::List(items) => items.first().map_or_else(|| self.span.clone(), Self::caret),
            _ => self.span.clone(),
        }
    }

    /// The kind of node, with its article.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.content {
            Content::Null => "nothing",
            Content::Bool(_) => "a boolean",
            Content::Integer(_) => "an integer",
            Content::Float(_) => "a number",
            Content::Text(_) => "a string",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }

    /// The same tree without places. Null entries are left out, so that they count as absent, and so are
    /// those whose keys stand at `spoilt` places.
    pub(crate) fn to_json(&self, spoilt: &HashSet<usize>) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => (*value).into(),
            Content::Integer(value) => (*value).into(),
            Content::Float(value) => (*value).into(),
            Content::Text(value) => value.clone().into(),
            Content::List(items) => items.iter().map(|item| item.to_json(spoilt)).collect(),
            Content::Map(entries) => entries
                .iter()
                .filter(|entry| !matches!(entry.value.content, Content::Null))
                .filter(|entry| !spoilt.contains(&entry.key_span.start))
                .map(|entry| (entry.key.clone(), entry.value.to_json(spoilt)))
                .collect(),
        }
    }
}

/// Byte offsets by character index, because the parser counts characters.
struct Offsets {
    bytes: Vec<usize>,
}

impl Offsets {
    fn new(text: &str) -> Self {
        let ends = text.char_indices().map(|(at, _)| at);
        Self { bytes: ends.chain([text.len()]).collect() }
    }

    fn range(&self, start: usize, end: usize) -> Range<usize> {
        let last = self.bytes.len() - 1;
        self.bytes[start.min(last)]..self.bytes[end.max(start).min(last)]
    }

    fn span(&self, node: &MarkedYaml<'_>) -> Range<usize> {
        self.range(node.span.start.index(), node.span.end.index())
    }

    fn node(&self, marked: &MarkedYaml<'_>) -> Result<Node, NodeError> {
        let span = self.span(marked);
        let content = match &marked.data {
            YamlData::Value(scalar) => content_of(scalar),
            YamlData::Representation(text, ..) => Content::Text(text.to_string()),
            YamlData::Sequence(items) => {
                Content::List(items.iter().map(|item| self.node(item)).collect::<Result<_, _>>()?)
            }
            YamlData::Mapping(pairs) => Content::Map(
                pairs.iter().map(|(key, value)| self.entry(key, value)).collect::<Result<_, _>>()?,
            ),
            YamlData::Tagged(_, inner) => return self.node(inner),
            YamlData::Alias(_) | YamlData::BadValue => {
                return Err(NodeError { message: "this value cannot be read".into(), span });
            }
        };
        Ok(Node { span, content })
    }

    fn entry(&self, key: &MarkedYaml<'_>, value: &MarkedYaml<'_>) -> Result<Entry, NodeError> {
        let node = self.node(key)?;
        let text = match node.content {
            Content::Text(text) => text,
            Content::Integer(number) => number.to_string(),
            Content::Bool(value) => value.to_string(),
            _ => return Err(NodeError { message: "a key must be a string".into(), span: node.span }),
        };
        Ok(Entry { key: text, key_span: node.span, value: self.node(value)? })
    }

    fn scan_error(&self, error: &saphyr::ScanError) -> NodeError {
        let at = error.marker().index();
        NodeError { message: error.info().to_owned(), span: self.range(at, at + 1) }
    }
}

fn content_of(scalar: &Scalar<'_>) -> Content {
    match scalar {
        Scalar::Null => Content::Null,
        Scalar::Boolean(value) => Content::Bool(*value),
        Scalar::Integer(value) => Content::Integer(*value),
        Scalar::FloatingPoint(value) => Content::Float(**value),
        Scalar::String(text) => Content::Text(text.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_where_things_stand() {
        let text = "# ü\nlisteners:\n  - address: \"[::]:80\"\n    h2c: true\nupstreams: { app: [1, x] }\n";
        let node = Node::parse(text).unwrap();
        let address = node.get("listeners").unwrap().item(0).unwrap().get("address").unwrap();
        assert_eq!(&text[address.caret()], "\"[::]:80\"");
        let app = node.get("upstreams").unwrap();
        assert_eq!(&text[app.key_span("app").unwrap()], "app");
        assert_eq!(&text[app.get("app").unwrap().item(1).unwrap().caret()], "x");
    }

    #[test]
    fn refuses_what_is_not_one_document() {
        for (text, message) in [
            ("a: 1\na: 2\n", "duplicate"),
            ("a: [1\n", "expected"),
            ("a: 1\n---\nb: 2\n", "several"),
            ("? [a]\n: 1\n", "must be a string"),
        ] {
            let error = Node::parse(text).unwrap_err();
            assert!(error.message.contains(message), "{text:?}: {}", error.message);
        }
    }
}
