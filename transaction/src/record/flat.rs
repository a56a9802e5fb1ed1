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
                headers: flat.headers.0.into_owned(),
            },
            body: flat.data.map(Text::into_bytes).unwrap_or_default(),
            response: None,
            label: flat.label.map(|label| label.0),
            source: text(flat.source),
            family: text(flat.family),
            site: text(flat.site),
            cluster: text(flat.cluster),
        }
    }
}
