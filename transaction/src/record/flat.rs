//! The flat form of data sets: `{"method","url","headers":{..},"data"}` and labels.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Record;
use super::canonical::Label;
use super::headers::Headers;
use super::text::Text;
use crate::{Connection, Listings, Rates, RequestHead};

/// One line of a data set. Keys that are not here are ignored; `null` is as good as nothing.
#[derive(Deserialize)]
pub(super) struct Flat<'a> {
    /// A record that has this is of the canonical form.
    #[serde(default)]
    pub(super) request: Option<IgnoredAny>,
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow, default)]
    method: Option<Text<'a>>,
    #[serde(default)]
    headers: Headers<'a>,
    #[serde(borrow, default)]
    data: Option<Text<'a>>,
    #[serde(default)]
    label: Option<Label>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    source: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    family: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    site: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    cluster: Option<Cow<'a, str>>,
}

impl From<Flat<'_>> for Record {
    fn from(flat: Flat<'_>) -> Self {
        let text = |word: Option<Cow<'_, str>>| word.map(Cow::into_owned).unwrap_or_default();
        let body = flat.data.map(Text::into_bytes).unwrap_or_default();
        let headers = flat.headers.0.into_owned();
        let body = bytes_by_character(&body, headers.first(b"content-length")).unwrap_or(body);
        Self {
            id: text(flat.id),
            time_us: 0,
            connection: Connection::default(),
            listings: Listings::default(),
            rates: Rates::default(),
            request: RequestHead {
                method: flat.method.map_or_else(|| b"GET".to_vec(), Text::into_bytes),
                target: flat.url.into_bytes(),
                protocol: b"HTTP/1.1".to_vec(),
                headers,
            },
            body,
            response: None,
            label: flat.label.map(|label| label.0),
            source: text(flat.source),
            family: text(flat.family),
            site: text(flat.site),
            cluster: text(flat.cluster),
        }
    }
}

/// The bytes of a body of which each was written as the character of that number (ISO 8859-1), as recorders do with bodies that are no
/// text: the Content-Length that was recorded with it counts its characters then.
fn bytes_by_character(body: &[u8], length: Option<&[u8]>) -> Option<Vec<u8>> {
    let length: usize = std::str::from_utf8(length?).ok()?.parse().ok()?;
    if body.len() == length || body.len() > length.saturating_mul(2) {
        return None;
    }
    let bytes =
        std::str::from_utf8(body).ok()?.chars().map(|character| u8::try_from(u32::from(character)).ok());
    let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
    (bytes.len() == length).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_of_as_many_characters_as_it_had_bytes() {
        for (length, body, expected) in [
            (None, "\u{1f}\u{8b}", b"\x1f\xc2\x8b".as_slice()),
            (Some("3"), "\u{1f}\u{8b}", b"\x1f\xc2\x8b"),
            (Some("2"), "\u{1f}\u{8b}", b"\x1f\x8b"),
            (Some("1"), "\u{1f}\u{8b}", b"\x1f\xc2\x8b"),
            (Some("2"), "\u{1f}\u{100}", b"\x1f\xc4\x80"),
            (Some("2"), "ab", b"ab"),
            (Some("two"), "\u{1f}\u{8b}", b"\x1f\xc2\x8b"),
            (Some("0"), "", b""),
        ] {
            let headers = length.map(|length| format!(r#","headers":{{"Content-Length":"{length}"}}"#));
            let data = serde_json::to_string(body).unwrap();
            let json = format!(r#"{{"url":"/"{},"data":{data}}}"#, headers.unwrap_or_default());
            assert_eq!(Record::from_json(json.as_bytes()).unwrap().body, expected, "{json}");
        }
    }
}
