//! The canonical request record: what a transaction was, in one JSON form.
//!
//! ```json
//! {"id":"0a1b","time":"2026-11-20T10:00:00Z",
//!  "client":{"address":"192.0.2.7","port":40000},"server":{"address":"192.0.2.1","port":80},
//!  "request":{"method":"POST","target":"/login?next=%2F","protocol":"HTTP/1.1",
//!             "headers":[["Host","shop.example.com"],["Content-Type","text/plain"]],"body":"hello"},
//!  "response":{"status":200,"headers":[["Content-Type","text/html"]],"body":"<p>"},
//!  "label":0,"source":"capture"}
//! ```
//! Bytes that are not UTF-8 are written as `{"base64":"..."}` in place of the string. The flat form of the
//! WAF Comparison Project, `{"method","url","headers":{..},"data"}`, is read as well.

use crate::{Connection, RequestHead, ResponseHead};

/// What a transaction was: the one form that captures, data sets, tests and the command line share.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// A name for it, unique in its file.
    pub id: String,
    /// When it began (microseconds since the Unix epoch); 0 when unknown.
    pub time_us: i64,
    /// Who talked to whom.
    pub connection: Connection,
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
