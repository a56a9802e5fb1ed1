//! One pass of a YAML tree against the JSON Schema of its types: unknown keys, types, enums, ranges.
//!
//! It knows the part of JSON Schema that `schemars` writes for our types, and finds every error, where
//! a deserialiser stops at the first.

use serde_json::Value;

use super::At;
use super::node::{Content, Entry};
use signatures::suggest::closest;

/// The JSON Schema of a configuration file.
#[must_use]
pub fn json_schema() -> Value {
    schemars::schema_for!(super::ConfigSpec).to_value()
}

/// Checks the tree at `at` against the schema `root`.
pub(super) fn validate(root: &Value, at: &At<'_>) {
    Validator { root }.node(root, at);
}

struct Validator<'a> {
    root: &'a Value,
}

impl<'a> Validator<'a> {
    fn node(&self, schema: &'a Value, at: &At<'_>) {
        let schema = self.resolve(schema);
        let Some(node) = at.node() else { return };
        if matches!(node.content, Content::Null) {
            return;
        }
        if let Some(alternatives) = alternatives(schema) {
            return self.alternatives(alternatives, at);
        }
        if !accepts(schema, &node.content) {
            at.error("wrong-type", format!("expected {}, found {}", expected(schema), node.kind()))
                .label(format!("must be {}", expected(schema)))
                .report();
            return;
        }
        match &node.content {
            Content::Map(entries) => self.map(schema, entries, at),
            Content::List(items) => self.list(schema, items.len(), at),
            Content::Integer(number) => range(schema, *number, at),
            Content::Text(text) => word(schema, text, at),
            Content::Null | Content::Bool(_) | Content::Float(_) => {}
        }
    }

    fn resolve(&self, mut schema: &'a Value) -> &'a Value {
        // Types do not recurse, so that this ends; the bound is for schemas we did not write.
        for _ in 0..16 {
            let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) else {
                break;
            };
            schema = &self.root["$defs"][name];
        }
        schema
    }

    fn map(&self, schema: &'a Value, entries: &[Entry], at: &At<'_>) {
        let properties = schema["properties"].as_object();
        for entry in entries {
            let inside = at.key(&entry.key);
            match (properties.and_then(|known| known.get(&entry.key)), &schema["additionalProperties"]) {
                (Some(property), _) => self.node(property, &inside),
                (None, Value::Object(_)) => self.node(&schema["additionalProperties"], &inside),
                (None, _) => {
                    let known = properties.into_iter().flat_map(|known| known.keys()).map(String::as_str);
                    unknown_key(&entry.key, &known.collect::<Vec<_>>(), &inside);
                }
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if at.node().is_some_and(|node| node.get(name).is_none()) {
                at.error("missing-key", format!("`{name}` is missing"))
                    .label(format!("needs `{name}`"))
                    .report();
            }
        }
    }

    fn list(&self, schema: &'a Value, length: usize, at: &At<'_>) {
        if schema["minItems"].as_u64().is_some_and(|least| (length as u64) < least) {
            at.error("empty-list", "expected at least one item, found none").label("is empty").report();
        }
        for index in 0..length {
            self.node(&schema["items"], &at.item(index));
        }
    }

    /// Follows the alternative of the node's type; enums come as alternatives of one word each.
    fn alternatives(&self, alternatives: &'a [Value], at: &At<'_>) {
        let Some(node) = at.node() else { return };
        let schemas: Vec<_> = alternatives.iter().map(|schema| self.resolve(schema)).collect();
        let words: Vec<_> = schemas.iter().flat_map(|schema| words(schema)).collect();
        if !words.is_empty() {
            return match &node.content {
                Content::Text(text) if words.contains(&text.as_str()) => {}
                Content::Text(text) => unknown_word(text, &words, at),
                _ => at
                    .error("wrong-type", format!("expected {}, found {}", list_words(&words), node.kind()))
                    .label(format!("must be {}", list_words(&words)))
                    .report(),
            };
        }
        match schemas.iter().find(|schema| accepts(schema, &node.content) || alternatives_accept(schema)) {
            Some(schema) => self.node(schema, at),
            None => {
                let kinds: Vec<_> = schemas.iter().map(|schema| expected(schema)).collect();
                let kinds: Vec<_> = kinds.into_iter().filter(|kind| kind != "nothing").collect();
                at.error("wrong-type", format!("expected {}, found {}", kinds.join(" or "), node.kind()))
                    .label(format!("must be {}", kinds.join(" or ")))
                    .report();
            }
        }
    }
}

fn alternatives(schema: &Value) -> Option<&[Value]> {
    let list = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array())?;
    Some(list)
}

/// A nested choice (an optional enum) judges the node itself.
fn alternatives_accept(schema: &Value) -> bool {
    alternatives(schema).is_some()
}

/// The types a schema names, as JSON Schema spells them.
fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn accepts(schema: &Value, content: &Content) -> bool {
    let types = types(schema);
    let found: &[&str] = match content {
        Content::Null => &["null"],
        Content::Bool(_) => &["boolean"],
        Content::Integer(_) => &["integer", "number"],
        Content::Float(_) => &["number"],
        Content::Text(_) => &["string"],
        Content::List(_) => &["array"],
        Content::Map(_) => &["object"],
    };
    // A schema without a type (`true`, or a choice of choices) takes everything.
    types.is_empty() && words(schema).is_empty() && alternatives(schema).is_none()
        || found.iter().any(|kind| types.contains(kind))
}

fn expected(schema: &Value) -> String {
    let names = types(schema).into_iter().filter_map(|kind| match kind {
        "array" => Some("a list"),
        "boolean" => Some("`true` or `false`"),
        "integer" => Some("an integer"),
        "number" => Some("a number"),
        "object" => Some("a map"),
        "string" => Some("a string"),
        _ => None,
    });
    let names: Vec<_> = names.collect();
    if names.is_empty() { "nothing".into() } else { names.join(" or ") }
}

fn words(schema: &Value) -> Vec<&str> {
    let constant = schema["const"].as_str();
    schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).chain(constant).collect()
}

fn list_words(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn word(schema: &Value, text: &str, at: &At<'_>) {
    let words = words(schema);
    if !words.is_empty() && !words.contains(&text) {
        unknown_word(text, &words, at);
    }
}

fn unknown_word(text: &str, words: &[&str], at: &At<'_>) {
    let help = closest(text, words.iter().copied()).map(|word| format!("did you mean `{word}`?"));
    at.error("unknown-value", format!("expected {}, found `{text}`", list_words(words)))
        .label("not one of them")
        .help(help)
        .report();
}

fn unknown_key(key: &str, known: &[&str], at: &At<'_>) {
    let help = match closest(key, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("known keys: {}", list_words(known)),
    };
    at.error("unknown-key", format!("unknown key `{key}`"))
        .at_key()
        .label("not a key here")
        .help(Some(help))
        .report();
}

fn range(schema: &Value, number: i64, at: &At<'_>) {
    let (least, most) = (schema["minimum"].as_i64(), schema["maximum"].as_i64());
    if least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most) {
        return;
    }
    let wanted = match (least, most) {
        (Some(least), Some(most)) => format!("a number from {least} to {most}"),
        (Some(0), None) => "a number that is not negative".into(),
        (Some(least), None) => format!("a number from {least}"),
        (None, most) => format!("a number up to {}", most.unwrap_or(i64::MAX)),
    };
    at.error("out-of-range", format!("expected {wanted}, found {number}")).label("out of range").report();
}
