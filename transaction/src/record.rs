//! The canonical request record: what a transaction was, in one JSON form.
//!
//! ```json
//! {"id":"0a1b","time":"2026-11-20T10:00:00Z",
//!  "client":{"address":"192.0.2.7","port":40000},"server":{"address":"192.0.2.1","port":80},
//!  "request":{"method":"POST","target":"/login?next=%2F","protocol":"HTTP/1.1",
//!             "headers":[["Host","shop.example.com"],["Content-Type","text/plain"]],"body":"hello"},
//!  "listings":{"bl.example.org":"not-listed"},
//!  "rates":{"login":{"over":true,"remaining":0,"waitUs":250000}},
//!  "response":{"status":200,"headers":[["Content-Type","text/html"]],"body":"<p>"},
//!  "label":0,"source":"capture"}
//! ```
//! `listings` is what lists in the DNS said of the client's address, for rules with `@rbl`: `listed`, `not-listed` or
//! `unanswered` each. `rates` is how the request stood with rate limits: whether it was one too many, how many more could
//! come at once, and after how long one more (microseconds); both are 0 where they are not said. Bytes that are not UTF-8 are written as `{"base64":"..."}` in place of the string. The flat form of the
//! WAF Comparison Project, `{"method","url","headers":{..},"data"}`, is read as well.
//!
//! Only `request.method` and `request.target` must be there (`url` in the flat form). Headers are an
//! array of pairs, or an object when none repeats. A key that the canonical form does not know is an
//! error, because it is a typing mistake in a test; the flat form comes from elsewhere and may say more.

mod canonical;
mod flat;
mod headers;
mod rates;
mod text;
mod time;

use std::fmt;

use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::{Connection, Limits, Listings, Rates, RequestHead, ResponseHead, Transaction};

/// What a transaction was: the one form that captures, data sets, tests and the command line share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// A name for it, unique in its file.
    pub id: String,
    /// When it began (microseconds since the Unix epoch); 0 when unknown.
    pub time_us: i64,
    /// Who talked to whom.
    pub connection: Connection,
    /// What lists in the DNS said of the client's address; empty when none was asked.
    pub listings: Listings,
    /// How it stood with rate limits; empty when none held for it.
    pub rates: Rates,
    /// The request's head.
    pub request: RequestHead,
    /// The request's body as sent, encoded or not.
    pub body: Vec<u8>,
    /// The response's head and body, when it was recorded.
    pub response: Option<(ResponseHead, Vec<u8>)>,
    /// `Some(true)` hostile, `Some(false)` legitimate, `None` not labelled.
    pub label: Option<bool>,
    /// The collection it comes from, empty when unknown.
    pub source: String,
    /// The kind of attack or traffic, empty when unknown.
    pub family: String,
    /// The site it was sent to, empty when unknown.
    pub site: String,
    /// The group of near-duplicates it belongs to, empty when unknown.
    pub cluster: String,
}

/// Why a line is not a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// What was expected and what came.
    pub message: String,
}

impl Record {
    /// Reads one record: the canonical form if it has a `request`, the flat form if it has a `url`.
    ///
    /// # Errors
    /// When `json` is not one JSON object of either form.
    pub fn from_json(json: &[u8]) -> Result<Self, RecordError> {
        if json.trim_ascii_start().first().is_some_and(|byte| *byte != b'{') {
            return Err(RecordError::new("expected an object"));
        }
        // One pass for what is right. What is no text is read once more, for what is wrong with it.
        if let Ok(text) = std::str::from_utf8(json) {
            if memmem::find(json, b"\"request\"").is_some()
                && let Ok(form) = serde_json::from_str::<canonical::Canonical<'_>>(text)
            {
                return form.try_into();
            }
            if let Ok(form) = serde_json::from_str::<flat::Flat<'_>>(text)
                && form.request.is_none()
            {
                return Ok(form.into());
            }
        }
        let form: Form = serde_json::from_slice(json)?;
        match (form.request, form.url) {
            (None, Some(_)) => Ok(serde_json::from_slice::<flat::Flat<'_>>(json)?.into()),
            (Some(_), _) => serde_json::from_slice::<canonical::Canonical<'_>>(json)?.try_into(),
            (None, None) => Err(RecordError::new("expected `request` or `url`, found neither")),
        }
    }

    /// Writes the canonical form, on one line and without a line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Nothing in the form can fail to serialize: keys are text and the sink is memory.
        serde_json::to_string(&canonical::Canonical::from(self)).unwrap_or_default()
    }

    /// The transaction that this record's request head begins.
    #[must_use]
    pub fn transaction(&self, limits: &Limits) -> Transaction {
        let head = self.request.clone();
        let transaction = Transaction::new(&self.id, self.time_us, self.connection, head, limits);
        Transaction { listings: self.listings.clone(), rates: self.rates.clone(), ..transaction }
    }
}

/// The keys that tell the two forms apart.
#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    request: Option<IgnoredAny>,
    #[serde(default)]
    url: Option<IgnoredAny>,
}

impl RecordError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

impl From<serde_json::Error> for RecordError {
    fn from(error: serde_json::Error) -> Self {
        Self::new(error.to_string())
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RecordError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Fields, Listing, Rate};

    #[track_caller]
    fn read(json: &str) -> Record {
        Record::from_json(json.as_bytes()).unwrap()
    }

    #[test]
    fn reads_the_canonical_form() {
        let record = read(
            r#"{"id":"0a1b","time":"2026-11-20T10:00:00.25Z","client":{"address":"192.0.2.7","port":40000},
                "server":{"address":"2001:db8::1"},
                "listings":{"bl.example.org":"listed"},"rates":{"login":{"over":true,"waitUs":9}},
                "request":{"method":"POST","target":"/login?next=%2F","headers":[["A","1"],["a","2"]],
                           "body":{"base64":"/w=="}},
                "response":{"status":200,"headers":{"Content-Type":"text/html"},"body":"<p>"},
                "label":0,"source":"capture"}"#,
        );
        assert_eq!(record.time_us, 1_795_168_800_250_000);
        assert_eq!(record.connection.client_port, 40_000);
        assert_eq!(record.connection.server_address.to_string(), "2001:db8::1");
        assert_eq!(record.listings.of("bl.example.org"), Some(Listing::Listed));
        assert_eq!(record.rates.of("login"), Some(Rate { is_over: true, remaining: 0, wait_us: 9 }));
        assert_eq!(record.request.protocol, b"HTTP/1.1");
        assert_eq!(format!("{:?}", record.request.headers), "[A=1, a=2]");
        assert_eq!(record.body, [0xff]);
        assert_eq!(record.response.unwrap().1, b"<p>");
        assert_eq!(record.label, Some(false));
    }

    #[test]
    fn reads_the_flat_form() {
        let record = read(
            r#"{"id":"x-1","method":"POST","url":"/a?p=%24","headers":{"Host":"h","Cookie":["a=1","b=2"]},
                "data":"p=\u00e9","label":1,"source":"wcp","family":"xss","site":"s","cluster":"c",
                "place":"form","native":{"any":1}}"#,
        );
        assert_eq!(record.request.target, b"/a?p=%24");
        assert_eq!(format!("{:?}", record.request.headers), "[Host=h, Cookie=a=1, Cookie=b=2]");
        assert_eq!(record.body, "p=é".as_bytes());
        assert_eq!((record.label, record.cluster.as_str()), (Some(true), "c"));
        assert_eq!(read(r#"{"url":"/","data":null}"#).request.method, b"GET");
    }

    #[test]
    fn refuses_what_is_neither() {
        for (json, reason) in [
            ("", "EOF while parsing"),
            (r#" ["/"]"#, "expected an object"),
            ("{}", "expected `request` or `url`"),
            (r#"{"request":{"method":"GET"}}"#, "missing field `target`"),
            (r#"{"request":{"method":"GET","target":"/"},"labl":1}"#, "unknown field `labl`"),
            (r#"{"request":{"method":"GET","target":"/","url":"/"}}"#, "unknown field `url`"),
            (r#"{"request":{"method":"GET","target":{"base64":"!"}}}"#, "not base64"),
            (r#"{"request":{"method":"GET","target":{"hex":"00"}}}"#, "unknown field `hex`"),
            (r#"{"request":{"method":"GET","target":"/"},"label":2}"#, "expected 0, 1"),
            (r#"{"request":{"method":"GET","target":"/"},"time":"today"}"#, "not an RFC 3339 time"),
            (r#"{"request":{"method":"GET","target":"/"},"listings":{"a.test":"no"}}"#, "expected one of"),
            (r#"{"request":{"method":"GET","target":"/"},"rates":{"login":true}}"#, "expected struct Stands"),
            (r#"{"request":{"method":"GET","target":"/"},"response":{"status":99}}"#, "100..=999"),
            (r#"{"url":"/"} {}"#, "trailing characters"),
        ] {
            let message = Record::from_json(json.as_bytes()).unwrap_err().message;
            assert!(message.contains(reason), "{json}: {message}");
        }
    }

    #[test]
    fn writes_one_line() {
        let record = read(r#"{"request":{"method":"GET","target":{"base64":"L/8="}},"label":true}"#);
        assert_eq!(
            record.to_json(),
            r#"{"id":"","client":{"address":"127.0.0.1","port":0},"server":{"address":"127.0.0.1","port":80},"request":{"method":"GET","target":{"base64":"L/8="},"protocol":"HTTP/1.1","headers":[]},"label":1}"#
        );
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof!["[ -~\n\u{e9}]{0,20}".prop_map(String::into_bytes), any::<Vec<u8>>()]
    }

    fn fields() -> impl Strategy<Value = Fields> {
        prop::collection::vec((bytes(), bytes()), 0..5).prop_map(|pairs| pairs.into_iter().collect())
    }

    fn listings() -> impl Strategy<Value = Listings> {
        let answer = (any::<String>(), prop::sample::select(&Listing::ALL[..]));
        prop::collection::vec(answer, 0..3)
            .prop_map(|answers| answers.iter().map(|(zone, listing)| (zone.as_str(), *listing)).collect())
    }

    fn rates() -> impl Strategy<Value = Rates> {
        let rate = any::<(bool, u32, u64)>().prop_map(|(is_over, remaining, wait_us)| Rate {
            is_over,
            remaining,
            wait_us,
        });
        prop::collection::vec((any::<String>(), rate), 0..3).prop_map(|rates| rates.into_iter().collect())
    }

    prop_compose! {
        fn request()(method in bytes(), target in bytes(), protocol in bytes(), headers in fields()) -> RequestHead {
            RequestHead { method, target, protocol, headers }
        }
    }

    prop_compose! {
        fn response()(status in 100..=999_u16, protocol in bytes(), headers in fields(), body in bytes())
            -> (ResponseHead, Vec<u8>) {
            (ResponseHead { status, protocol, headers }, body)
        }
    }

    prop_compose! {
        fn record()(
            id in ".*", time_us in -62_167_219_200_000_000..=253_402_300_799_999_999_i64,
            addresses in any::<([u8; 4], [u16; 8])>(), ports in any::<(u16, u16)>(),
            request in request(), body in bytes(), response in prop::option::of(response()),
            listings in listings(), rates in rates(), label in any::<Option<bool>>(), words in any::<[String; 4]>(),
        ) -> Record {
            let connection = Connection {
                client_address: addresses.0.into(), client_port: ports.0,
                server_address: addresses.1.into(), server_port: ports.1,
            };
            let [source, family, site, cluster] = words;
            Record {
                id, time_us, connection, listings, rates, request, body, response, label, source, family, site, cluster,
            }
        }
    }

    proptest! {
        #[test]
        fn round_trips(record in record()) {
            let json = record.to_json();
            prop_assert!(!json.contains('\n'));
            prop_assert_eq!(Record::from_json(json.as_bytes()).unwrap(), record);
        }

        #[test]
        fn never_panics(json in any::<Vec<u8>>()) {
            crate::body::properties::check_record(&json);
        }
    }
}
