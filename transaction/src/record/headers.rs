//! Headers as JSON: an array of pairs, or an object.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::Text;
use crate::Fields;

/// Headers in order. In an object a list stands for a header sent several times.
pub(super) struct Headers<'a>(pub(super) Cow<'a, Fields>);

impl Default for Headers<'_> {
    fn default() -> Self {
        Self(Cow::Owned(Fields::new()))
    }
}

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|field| (Text::from(field.name), Text::from(field.value))))
    }
}

impl<'de> Deserialize<'de> for Headers<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HeadersVisitor).map(|fields| Self(Cow::Owned(fields)))
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of [name, value] or an object of headers")
    }

    fn visit_unit<E: Error>(self) -> Result<Fields, E> {
        Ok(Fields::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::new();
        while let Some((name, value)) = pairs.next_element::<(Text<'_>, Text<'_>)>()? {
            fields.push(&name.0, &value.0);
        }
        Ok(fields)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::new();
        while let Some((name, values)) = map.next_entry::<Cow<'de, str>, Values<'_>>()? {
            match values {
                Values::One(value) => fields.push(name.as_bytes(), &value.0),
                Values::Several(values) => {
                    values.iter().for_each(|value| fields.push(name.as_bytes(), &value.0));
                }
            }
        }
        Ok(fields)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values<'a> {
    One(#[serde(borrow)] Text<'a>),
    Several(#[serde(borrow)] Vec<Text<'a>>),
}
