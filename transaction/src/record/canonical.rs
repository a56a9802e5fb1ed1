//! The canonical form, as serde sees it.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::headers::Headers;
use super::rates::Standing;
use super::text::Text;
use super::{Record, RecordError, time};
use crate::{Connection, Listing, Listings, RequestHead, ResponseHead};

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Canonical<'a> {
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(default)]
    client: Option<Peer>,
    #[serde(default)]
    server: Option<Peer>,
    #[serde(default, skip_serializing_if = "Answers::is_empty")]
    listings: Answers,
    #[serde(default, skip_serializing_if = "Standing::is_empty")]
    rates: Standing,
    #[serde(borrow)]
    request: Request<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    response: Option<Response<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<Label>,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    source: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    family: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    site: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    cluster: Cow<'a, str>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Peer {
    address: IpAddr,
    #[serde(default)]
    port: u16,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Request<'a> {
    #[serde(borrow)]
    method: Text<'a>,
    #[serde(borrow)]
    target: Text<'a>,
    #[serde(borrow, default = "http_1_1")]
    protocol: Text<'a>,
    #[serde(default)]
    headers: Headers<'a>,
    #[serde(borrow, default, skip_serializing_if = "Text::is_empty")]
    body: Text<'a>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Response<'a> {
    status: u16,
    #[serde(borrow, default = "http_1_1")]
    protocol: Text<'a>,
    #[serde(default)]
    headers: Headers<'a>,
    #[serde(borrow, default, skip_serializing_if = "Text::is_empty")]
    body: Text<'a>,
}

fn http_1_1() -> Text<'static> {
    Text(Cow::Borrowed(b"HTTP/1.1"))
}

/// An object of zones, each with the name of its answer.
#[derive(Default)]
struct Answers(Listings);

impl Answers {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Answers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(zone, listing)| (zone, listing.as_str())))
    }
}

impl<'de> Deserialize<'de> for Answers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnswersVisitor)
    }
}

struct AnswersVisitor;

impl<'de> Visitor<'de> for AnswersVisitor {
    type Value = Answers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of zones and answers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Answers, A::Error> {
        let mut listings = Listings::default();
        while let Some((zone, answer)) = map.next_entry::<Cow<'_, str>, Cow<'_, str>>()? {
            if listings.iter().count() >= LISTINGS_MAX {
                return Err(A::Error::invalid_length(LISTINGS_MAX + 1, &"a few lists"));
            }
            let listing = Listing::parse(&answer)
                .ok_or_else(|| A::Error::unknown_variant(&answer, &["listed", "not-listed", "unanswered"]))?;
            listings.set(&zone, listing);
        }
        Ok(Answers(listings))
    }
}

/// Lists of one record (count).
const LISTINGS_MAX: usize = 64;

/// 1 hostile, 0 legitimate; read from booleans too.
pub(super) struct Label(pub(super) bool);

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0.into())
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LabelVisitor)
    }
}

struct LabelVisitor;

impl Visitor<'_> for LabelVisitor {
    type Value = Label;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0, 1, true or false")
    }

    fn visit_bool<E: Error>(self, hostile: bool) -> Result<Label, E> {
        Ok(Label(hostile))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Label, E> {
        match number {
            0 | 1 => Ok(Label(number == 1)),
            other => Err(E::invalid_value(Unexpected::Unsigned(other), &self)),
        }
    }
}

impl<'a> From<&'a Record> for Canonical<'a> {
    fn from(record: &'a Record) -> Self {
        let connection = record.connection;
        Self {
            id: Cow::Borrowed(&record.id),
            time: (record.time_us != 0).then(|| time::write(record.time_us)),
            client: Some(Peer { address: connection.client_address, port: connection.client_port }),
            server: Some(Peer { address: connection.server_address, port: connection.server_port }),
            listings: Answers(record.listings.clone()),
            rates: Standing(record.rates.clone()),
            request: Request {
                method: record.request.method.as_slice().into(),
                target: record.request.target.as_slice().into(),
                protocol: record.request.protocol.as_slice().into(),
                headers: Headers(Cow::Borrowed(&record.request.headers)),
                body: record.body.as_slice().into(),
            },
            response: record.response.as_ref().map(|(head, body)| Response::new(head, body)),
            label: record.label.map(Label),
            source: Cow::Borrowed(&record.source),
            family: Cow::Borrowed(&record.family),
            site: Cow::Borrowed(&record.site),
            cluster: Cow::Borrowed(&record.cluster),
        }
    }
}

impl<'a> Response<'a> {
    fn new(head: &'a ResponseHead, body: &'a [u8]) -> Self {
        Self {
            status: head.status,
            protocol: head.protocol.as_slice().into(),
            headers: Headers(Cow::Borrowed(&head.headers)),
            body: body.into(),
        }
    }
}

impl TryFrom<Canonical<'_>> for Record {
    type Error = RecordError;

    fn try_from(form: Canonical<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            id: form.id.into_owned(),
            time_us: form.time.as_deref().map_or(Ok(0), read_time)?,
            connection: connection(form.client.as_ref(), form.server.as_ref()),
            listings: form.listings.0,
            rates: form.rates.0,
            request: RequestHead {
                method: form.request.method.into_bytes(),
                target: form.request.target.into_bytes(),
                protocol: form.request.protocol.into_bytes(),
                headers: form.request.headers.0.into_owned(),
            },
            body: form.request.body.into_bytes(),
            response: form.response.map(response).transpose()?,
            label: form.label.map(|label| label.0),
            source: form.source.into_owned(),
            family: form.family.into_owned(),
            site: form.site.into_owned(),
            cluster: form.cluster.into_owned(),
        })
    }
}

fn read_time(text: &str) -> Result<i64, RecordError> {
    time::read(text).ok_or_else(|| RecordError::new(format!("not an RFC 3339 time: `{text}`")))
}

fn connection(client: Option<&Peer>, server: Option<&Peer>) -> Connection {
    let mut connection = Connection::default();
    if let Some(&Peer { address, port }) = client {
        (connection.client_address, connection.client_port) = (address, port);
    }
    if let Some(&Peer { address, port }) = server {
        (connection.server_address, connection.server_port) = (address, port);
    }
    connection
}

fn response(form: Response<'_>) -> Result<(ResponseHead, Vec<u8>), RecordError> {
    if !(100..=999).contains(&form.status) {
        return Err(RecordError::new(format!("expected a status of 100..=999, found {}", form.status)));
    }
    let head = ResponseHead {
        status: form.status,
        protocol: form.protocol.into_bytes(),
        headers: form.headers.0.into_owned(),
    };
    Ok((head, form.body.into_bytes()))
}
