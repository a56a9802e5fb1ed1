//! `google.protobuf.Struct`: what JSON can say.

use std::collections::BTreeMap;

/// An object.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Struct {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(crate) fields: BTreeMap<String, Value>,
}

/// A value.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Value {
    #[prost(oneof = "Kind", tags = "2, 3, 4, 5, 6")]
    pub(crate) kind: Option<Kind>,
}

/// What a value is.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Kind {
    #[prost(double, tag = "2")]
    Number(f64),
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(bool, tag = "4")]
    Truth(bool),
    #[prost(message, tag = "5")]
    Object(Struct),
    #[prost(message, tag = "6")]
    List(List),
}

/// Several values.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct List {
    #[prost(message, repeated, tag = "1")]
    pub(crate) values: Vec<Value>,
}

impl<const N: usize> From<[(&str, Kind); N]> for Struct {
    fn from(fields: [(&str, Kind); N]) -> Self {
        let fields = fields.into_iter().map(|(name, kind)| (name.to_owned(), Value { kind: Some(kind) }));
        Self { fields: fields.collect() }
    }
}

impl Struct {
    /// The text of that name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match &self.fields.get(name)?.kind {
            Some(Kind::Text(text)) => Some(text),
            _ => None,
        }
    }
}
