//! Headers as JSON: an array of pairs, or an object.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::{Text, TextVisitor};
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
        let mut fields = Fields::with_capacity(USUAL_BYTES, USUAL_COUNT);
        while let Some(Name(name)) = map.next_key()? {
            map.next_value_seed(Values { name: name.as_bytes(), fields: &mut fields })?;
        }
        Ok(fields)
    }
}

/// A header's name, which is borrowed where it can be.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// What a header is sent with: a text, or a list of texts when it is sent several times. Appended to the rest.
struct Values<'f> {
    name: &'f [u8],
    fields: &'f mut Fields,
}

impl<'de> DeserializeSeed<'de> for Values<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, {\"base64\":\"..\"} or an array of these")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.fields.push(self.name, text.as_bytes());
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.fields.push(self.name, &TextVisitor.visit_map(map)?);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while let Some(value) = values.next_element::<Text<'_>>()? {
            self.fields.push(self.name, &value.0);
        }
        Ok(())
    }
}

/// What the headers of a browser take (bytes, count).
const USUAL_BYTES: usize = 1_024;
const USUAL_COUNT: usize = 20;
