//! The JSON Schema of the values. Draft 7, which Helm 3 reads too.

use serde_json::{Map, Value, json};

use super::read::{Key, Kind};

/// The schema.
pub(super) fn of(keys: &[Key]) -> Value {
    let mut schema = object(keys);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("Values of the chart portcullis");
    schema
}

fn object(keys: &[Key]) -> Value {
    let properties: Map<String, Value> =
        keys.iter().map(|key| (key.path.last().cloned().unwrap_or_default(), property(key))).collect();
    // Charts that have this one as a part of theirs have globals of their own.
    let is_shared = keys.iter().any(|key| key.path[0] == "global" && key.path.len() > 1);
    json!({ "type": "object", "additionalProperties": is_shared, "properties": properties })
}

fn property(key: &Key) -> Value {
    let mut schema = if key.kind == Kind::Keys { object(&key.children) } else { value(&key.kind) };
    if key.is_optional {
        schema = json!({ "anyOf": [schema, { "type": "null" }] });
    }
    if !key.text.is_empty() {
        schema["description"] = json!(key.text);
    }
    if key.kind != Kind::Keys {
        schema["default"] = key.default.clone();
    }
    schema
}

fn value(kind: &Kind) -> Value {
    match kind {
        Kind::Any => json!({}),
        Kind::Object | Kind::Keys => json!({ "type": "object" }),
        Kind::String => json!({ "type": "string" }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Number => json!({ "type": "number" }),
        Kind::Integer(None) => json!({ "type": "integer" }),
        Kind::Integer(Some((least, most))) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::OneOf(all) => json!({ "enum": one_of(all) }),
        Kind::Pattern(pattern) => json!({ "type": "string", "pattern": pattern }),
        Kind::List(of) => json!({ "type": "array", "items": value(of) }),
        Kind::Map(of) => json!({ "type": "object", "additionalProperties": value(of) }),
    }
}

/// `--set` makes a number of what looks like one: `1.3` is both.
fn one_of(all: &[String]) -> Vec<Value> {
    let numbers = all.iter().filter_map(|it| it.parse::<f64>().ok()).map(Value::from);
    all.iter().cloned().map(Value::from).chain(numbers).collect()
}
